"""Append, read and follow the log. The only code that touches the event table.

Also a persistence module of `eventsourcing`: PERSISTENCE_MODULE=engine.store (see library.py).
"""

from engine.store.library import Factory
from engine.store.log import Log, open_log
from engine.store.rows import Appended, Condition, NewEvent, Query, Recorded, Stored

__all__ = ["Appended", "Condition", "Factory", "Log", "NewEvent", "Query", "Recorded", "Stored", "open_log"]
