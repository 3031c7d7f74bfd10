"""What a child of `tests.support.forks` finds imported: the whole command line and what most scripts take."""

from bot.cli import main
from engine import backup, erasure, rotation, vault
from engine.store import log
from projections.follow import rebuild, runner, verify

main.build()
__all__ = ["backup", "erasure", "log", "rebuild", "rotation", "runner", "vault", "verify"]
