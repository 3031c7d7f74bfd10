"""Decide which lorebook entries a conversation activates, with SillyTavern's semantics (I3). Pure."""

from engine.lore.book import Book, Entry, Globals, Source, Strategy
from engine.lore.evaluate import Activated, Evaluation, Round, Skipped, evaluate
from engine.lore.keys import Unsupported
from engine.lore.place import Placed, place
from engine.lore.scan import Line, Scene
from engine.lore.timed import Effect, TimedState

__all__ = [
    "Activated",
    "Book",
    "Effect",
    "Entry",
    "Evaluation",
    "Globals",
    "Line",
    "Placed",
    "Round",
    "Scene",
    "Skipped",
    "Source",
    "Strategy",
    "TimedState",
    "Unsupported",
    "evaluate",
    "place",
]
