"""What a child of `tests.support.forks` finds imported: the whole command line, the parts, and what most scripts take."""

import gc

from bot.cli import main
from bot.console import __main__ as console
from bot.discord import service
from engine import backup, erasure, rotation, vault
from engine.events import all_types
from engine.store import log
from projections import __main__ as projections
from projections.follow import rebuild, runner, verify
from worker import __main__ as worker

main.build()
for _, event in all_types():
    event.model_rebuild()
gc.freeze()  # a child that collects would copy every page that holds one of these objects
__all__ = ["backup", "console", "erasure", "log", "projections", "rebuild", "rotation", "runner", "service", "vault", "verify", "worker"]
