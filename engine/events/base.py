"""What an event is: a frozen Pydantic model with an explicit name, a schema version, and fields that are clear or sealed."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from engine.sealed import Sealed as Sealed
from engine.sealed import SealedMark as SealedMark

Snowflake = Annotated[int, Field(ge=0, lt=2**63)]
"""An id of Discord's form. Discord says unsigned 64 bit; the top bit is not reached before 2084, and Postgres has no unsigned type."""

Count = Annotated[int, Field(ge=0, lt=2**63)]


class Event(BaseModel):
    """Base of all events. Past tense, frozen; unknown fields are refused so that a typo is never stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")

    TYPE: ClassVar[str]
    VERSION: ClassVar[int]
    SEALED: ClassVar[frozenset[str]]
    CLEAR: ClassVar[frozenset[str]]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.SEALED = frozenset(name for name, field in cls.model_fields.items() if any(isinstance(m, SealedMark) for m in field.metadata))
        cls.CLEAR = frozenset(cls.model_fields) - cls.SEALED


class Part(BaseModel):
    """Base of the values inside events."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Tags:
    """The clear columns by which events are filtered. Ids only, never names.

    `guild`, `channel`, `user` are snowflakes; `character` and `turn` are ours.
    """

    guild: int | None = None
    channel: int | None = None
    user: int | None = None
    character: UUID | None = None
    turn: UUID | None = None


def user_subject(user_id: int) -> str:
    """Name of the data key that seals what this person wrote."""
    return f"user:{user_id}"


SYSTEM_SUBJECT = "system"
"""Seals what belongs to no person: the sample characters and presets that come with the program."""
