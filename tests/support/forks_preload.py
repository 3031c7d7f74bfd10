"""What a child of `tests.support.forks` finds imported: the whole command line, the parts, and what most scripts take."""

import gc
from importlib import import_module

from engine.events import all_types

PARTS = ("projections", "worker", "bot.console", "bot.discord")
OTHERS = (
    *("bot.cli.main", "bot.cli.supervisor", "bot.discord.service"),
    *("engine.backup", "engine.erasure", "engine.rotation", "projections.follow.verify"),
)

gc.disable()  # nothing of what is imported is garbage
for name in (*(f"{part}.__main__" for part in PARTS), *OTHERS):
    import_module(name)
import_module("bot.cli.main").build()
for _, event in all_types():
    event.model_rebuild()
gc.enable()
gc.freeze()  # a child that collects would copy every page that holds one of these objects
