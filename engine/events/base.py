"""What an event is: a frozen Pydantic model with an explicit name, a schema version, and fields that are clear or sealed."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from engine.sealed import Sealed as Sealed
from engine.sealed import SealedMark as SealedMark
from engine.subjects import SYSTEM_SUBJECT as SYSTEM_SUBJECT
from engine.subjects import user_subject as user_subject

Snowflake = Annotated[int, Field(ge=0, lt=2**63)]
"""An id of Discord's form. Discord says unsigned 64 bit; the top bit is not reached before 2084, and Postgres has no unsigned type."""

Count = Annotated[int, Field(ge=0, lt=2**63)]


_TAGGED = (
    ("guild", ("guild_id",)),
    ("channel", ("channel_id",)),
    ("user", ("user_id", "author_id", "owner_id", "by_user_id")),
    ("character", ("character_id",)),
    ("turn", ("turn_id",)),
)
"""Tag -> the fields it may come from; the first that a class has counts."""
_DOERS = (
    *("edited_by", "deleted_by", "restored_by", "chosen_by", "changed_by", "set_by", "cleared_by", "removed_by"),
    *("by_user_id", "owner_id"),
)
"""The fields that may say who gave the command; the first that a class has counts."""


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

    def __or__(self, more: "Tags") -> "Tags":
        """These, and where one is missing that of `more`."""
        pairs = ((getattr(self, name), getattr(more, name)) for name in ("guild", "channel", "user", "character", "turn"))
        return Tags(*(other if own is None else own for own, other in pairs))


class Event(BaseModel):
    """Base of all events. Past tense, frozen; unknown fields are refused so that a typo is never stored.

    A class says in which stream its events stand (`stream_name`), whose words they hold (`subjects`), and by which ids they are
    found (`tags`); engine.events.build makes the row of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", defer_build=True)

    TYPE: ClassVar[str]
    VERSION: ClassVar[int]
    SEALED: ClassVar[frozenset[str]]
    CLEAR: ClassVar[frozenset[str]]
    TAGGED: ClassVar[tuple[tuple[str, str], ...]]
    DOER: ClassVar[str | None]
    OPENS: ClassVar[bool] = False
    """Whether it is as a rule the first event of its stream, so that the log need not look which version it gets."""

    @property
    def stream_name(self) -> str:
        """The stream this event belongs to: what it is about, so that its versions lock the right thing."""
        raise NotImplementedError(f"{type(self).__name__} does not say in which stream it stands")

    @property
    def tags(self) -> "Tags":
        """The ids this event can be found by, as far as its own fields hold them."""
        return Tags(**{tag: getattr(self, field) for tag, field in self.TAGGED})

    @property
    def doer(self) -> int | None:
        """The person whose command it was; None when it says nothing of one."""
        found: int | None = getattr(self, self.DOER) if self.DOER is not None else None
        return found

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whose words the sealed fields hold: they open only while all these have their keys. () when nothing is sealed."""
        if self.SEALED:
            raise NotImplementedError(f"{type(self).__name__} does not say whose words it holds")
        return ()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.SEALED = frozenset(name for name, field in cls.model_fields.items() if any(isinstance(m, SealedMark) for m in field.metadata))
        cls.CLEAR = frozenset(cls.model_fields) - cls.SEALED
        named = cls.__dict__.get("DOER")
        cls.DOER = named or next((name for name in _DOERS if name in cls.model_fields), None)
        cls.TAGGED = tuple((tag, found[0]) for tag, fields in _TAGGED if (found := [name for name in fields if name in cls.model_fields]))


class Part(BaseModel):
    """Base of the values inside events."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # most processes meet few of them
