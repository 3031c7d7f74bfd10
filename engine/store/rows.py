"""What goes into the log and what comes out of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from engine.events.base import Event, Tags

NO_TAGS = Tags()


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event on its way into the log, made by engine.events.build.

    `id` is derived from the natural key (engine.ids). `subjects` are those whose words the sealed fields hold, and must be given
    when there are any: the text opens only while all of them have their keys. `expect` is the version the stream must have before
    this event (0: it must be new); None takes whatever it has.
    """

    event: Event
    stream: str
    id: UUID
    tags: Tags = NO_TAGS
    subjects: tuple[str, ...] = ()
    occurred_at: datetime | None = None
    correlation: UUID | None = None
    causation: UUID | None = None
    expect: int | None = None


class Appended(NamedTuple):
    """Positions of the events of one call, in its order. `repeated`: they were stored by an earlier call, and nothing was written now."""

    positions: tuple[int, ...]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """The append holds only if no event after position `after` has one of these types and all of these tags (None: any), and `streams`,

    which it does not write, stand at these versions.
    """

    after: int = 0
    types: frozenset[str] = frozenset()
    tags: Tags = NO_TAGS
    streams: tuple[tuple[str, int], ...] = ()


class Stored(NamedTuple):
    """One row of the log, unopened, columns in table order. Projections work on these: they need no key.

    `subject` names the key that sealed it, or with `+` the several of which that one is made (engine.subjects).
    """

    position: int
    id: UUID
    stream: str
    version: int
    type: str
    schema_version: int
    occurred_at: datetime
    recorded_at: datetime
    correlation: UUID | None
    causation: UUID | None
    guild: int | None
    channel: int | None
    user: int | None
    character: UUID | None
    turn: UUID | None
    subject: str | None
    data: bytes
    sealed: bytes | None

    def shown(self) -> dict[str, object]:
        """The clear columns that hold something: what may be shown without asking anybody."""
        held = {name: value for name, value in self._asdict().items() if name not in {"data", "sealed"} and value is not None}
        return held | {"sealed_bytes": len(self.sealed or b"")}


COLUMNS = (
    "position, event_id, stream, version, type, schema_version, occurred_at, recorded_at, correlation, causation,"
    " guild, channel, user_id, character, turn, subject, data, sealed"
)


@dataclass(frozen=True, slots=True)
class Recorded[E: Event]:
    """A typed event with what the log knows about it. `erased`: its sealed fields are blank because the key was destroyed."""

    row: Stored
    event: E
    erased: bool = False

    @property
    def position(self) -> int:
        return self.row.position

    @property
    def id(self) -> UUID:
        return self.row.id


@dataclass(frozen=True, slots=True)
class Query:
    """Which events to read. Empty fields do not restrict; `after` is exclusive, `until` inclusive."""

    after: int = 0
    until: int | None = None
    types: frozenset[str] = frozenset()
    stream: str | None = None
    tags: Tags = NO_TAGS
    since: datetime | None = None
    before: datetime | None = None
    backwards: bool = False
    limit: int | None = None


EVERYTHING = Query()


class Packed(NamedTuple):
    """An event ready to be written. `body` is its row for Postgres without position and version, which the writer gives."""

    new: NewEvent
    data: bytes
    sealed: bytes | None
    body: bytes
    occurred_at: datetime


@dataclass(slots=True)
class Unit:
    """The events of one append call: written together or not at all."""

    events: tuple[Packed, ...]
    condition: Condition | None = None
    size: int = 0
    slow: bool = False
    """To be written under the head's lock, looking first: conditional, or the fast way failed."""
    uncertain: bool = False
    """An answer was lost: the unit may be in the log already, by this very call."""
    alone: bool = False
    """Something in its batch was refused by Postgres; find out whether it is this."""
