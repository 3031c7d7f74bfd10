"""Events in the log that are not ours: written by an `eventsourcing` application. Their schema version is 0, which ours never have."""

from typing import ClassVar

from engine.events.base import Event
from engine.store.rows import Stored

FOREIGN_VERSION = 0


class LibraryEvent(Event):
    """An event of an `eventsourcing` application: its topic, and its state as that application's mapper wrote it."""

    TYPE: ClassVar[str] = "library"
    VERSION: ClassVar[int] = FOREIGN_VERSION

    topic: str
    state: bytes


def foreign(row: Stored) -> LibraryEvent:
    """What our readers see of such a row."""
    return LibraryEvent.model_construct(topic=row.type, state=row.data)
