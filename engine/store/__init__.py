"""Append, read and follow the log. The only code that touches the event table."""

from engine.store.log import Log, open_log
from engine.store.rows import Appended, Condition, NewEvent, Query, Recorded, Stored

__all__ = ["Appended", "Condition", "Log", "NewEvent", "Query", "Recorded", "Stored", "open_log"]
