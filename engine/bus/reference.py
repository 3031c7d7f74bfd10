"""What travels on the bus: which event, and where it is in the log. Ids and a position, never a word of anybody's."""

from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.bus import subjects
from engine.errors import TzurotError
from engine.store import NewEvent, Stored

MAX_BYTES = 2048


class Malformed(TzurotError):
    """A message that is no reference of ours. Carries what kind of wrong it is, never the message."""


class Reference(BaseModel):
    """Points at one event. `schema_version` is the event's, so that a consumer can refuse what it is too old for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    position: int = Field(ge=1)
    id: UUID = Field(strict=False)
    type: str = Field(min_length=3, max_length=80)
    schema_version: int = Field(ge=1)
    venue: str | None = Field(None, max_length=20)
    channel: int | None = None
    character: UUID | None = Field(None, strict=False)
    turn: UUID | None = Field(None, strict=False)

    @property
    def subject(self) -> str:
        return subjects.of_event(self.type, self.venue)


def of_row(row: Stored) -> Reference:
    """The reference to a row of the log."""
    venue = orjson.loads(row.data).get("venue")
    return Reference(
        position=row.position,
        id=row.id,
        type=row.type,
        schema_version=row.schema_version,
        venue=venue,
        channel=row.channel,
        character=row.character,
        turn=row.turn,
    )


def of_new(new: NewEvent, position: int) -> Reference:
    """The same for an event that was stored just now."""
    return Reference(
        position=position,
        id=new.id,
        type=new.event.TYPE,
        schema_version=new.event.VERSION,
        venue=getattr(new.event, "venue", None),
        channel=new.tags.channel,
        character=new.tags.character,
        turn=new.tags.turn,
    )


def encode(reference: Reference) -> bytes:
    return reference.model_dump_json(exclude_none=True).encode()


def decode(body: bytes) -> Reference:
    """Raises Malformed with the kind of problem."""
    if len(body) > MAX_BYTES:
        raise Malformed("too long for a reference")
    try:
        return Reference.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError:
        raise Malformed("not JSON") from None
    except ValidationError as error:
        wrong = ", ".join(sorted({".".join(map(str, problem["loc"])) or "all" for problem in error.errors(include_input=False)})[:3])
        raise Malformed(f"not a reference: {wrong[:80]}") from None
