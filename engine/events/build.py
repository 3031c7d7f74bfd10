"""Builds the row of an event: the one way from something that happened to something that can be appended."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from engine.events.base import Event, Tags
from engine.store.rows import NO_TAGS, NewEvent, Recorded


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an event happens. `correlation` is the id of what began it all, `causation` of what led to it directly.

    `tags` are ids the event itself does not hold: it can be found by them as well.
    """

    correlation: UUID | None = None
    causation: UUID | None = None
    tags: Tags = NO_TAGS


def new(
    event: Event,
    key: UUID,
    *,
    cause: "Cause | Recorded[Event] | None" = None,
    expect: int | None = None,
    occurred_at: datetime | None = None,
) -> NewEvent:
    """The row of an event in the stream it declares. `key` is its id, derived from the natural key: see engine.ids.

    A recorded cause hands on its correlation (its own id when it has none) and the tags this event does not hold itself.
    `expect` is the version the stream must have before (0: it must be new).
    """
    why = _cause(cause)
    return NewEvent(
        event,
        event.stream_name,
        key,
        event.tags | why.tags,
        event.subjects,
        occurred_at=occurred_at,
        correlation=why.correlation,
        causation=why.causation,
        expect=expect,
    )


def _cause(cause: "Cause | Recorded[Event] | None") -> Cause:
    if isinstance(cause, Recorded):
        row = cause.row
        return Cause(row.correlation or row.id, row.id, Tags(row.guild, row.channel, row.user, row.character, row.turn))
    return cause or Cause()


def sealed_for(row: NewEvent, *subjects: str) -> NewEvent:
    """The same row, its text sealed for others than the event declares: for what quotes more people than its fields name."""
    return replace(row, subjects=subjects)
