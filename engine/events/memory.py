"""What is remembered besides what was said: by people's wish, by extraction and by consolidation; and what is remembered no more."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from engine.events.base import Count, Event, Part, Sealed, Snowflake, user_subject
from engine.events.message import Venue

Origin = Literal["manual", "fact", "summary", "dream", "verbatim", "shapes_inc", "relationship"]
"""Who says so: a person, a model that read what was said, or another program's file."""
Reach = Literal["channel", "server", "everywhere"]
"""Where it is met besides private talk with its person: in its channel, its server, or wherever they are answered."""
Session = Literal["incognito", "fresh"]
LONGEST = 4000
"""Characters of one memory."""
MOST_PEOPLE = 60
"""A text is sealed for all whose words it holds, and engine.subjects has a limit."""


class Source(Part):
    """What a memory is made of: a person's message, a version of a reply (`turn_id`), or another memory.

    `edit` is the log position of the edit by which a message had its text. `fixed`: with another text it is no source any more.
    """

    message_id: Snowflake | None = None
    turn_id: UUID | None = None
    memory_id: UUID | None = None
    edit: Count | None = None
    fixed: bool = True


class MemoryNoted(Event):
    """Something is remembered from now on: `text`, in the scope of `user_id`.

    `said_by` is whose words they are where it is somebody else's, `people` all whose words went into it. `sources` are what it was made
    from: it holds as long as all of them stand. With `supersedes` it takes another's place. `model`, `prompt_version`, `generation`,
    `cost` (US dollars) and `group`, the number of its window, say how a model made it. `entities` are whom and what a fact is about, `slot`
    is what can have one value at a time ("home"), so that a newer fact of the same slot takes an older one's place. It is met until
    `until_ms`, Unix milliseconds, where it is said to hold for a time only.
    """

    memory_id: UUID
    user_id: Snowflake
    by_user_id: Snowflake = 0
    origin: Origin = "manual"
    character_id: UUID | None = None
    channel_id: Snowflake | None = None
    guild_id: Snowflake | None = None
    venue: Venue
    reach: Reach = "channel"
    said_by: Snowflake | None = None
    by_character: UUID | None = None
    people: tuple[Snowflake, ...] = Field((), max_length=MOST_PEOPLE)
    sources: tuple[Source, ...] = Field((), max_length=500)
    supersedes: tuple[UUID, ...] = Field((), max_length=50)
    salience: float = Field(0.5, ge=0, le=1)
    at_ms: Count = 0
    until_ms: Count | None = None
    generation: str = Field("", max_length=200)
    group: str = Field("", max_length=80)
    model: str = Field("", max_length=200)
    prompt_version: Count = 0
    cost: float | None = None
    text: Sealed[str]
    speaker: Sealed[str] = ""
    entities: Sealed[tuple[str, ...]] = ()
    slot: Sealed[str] = ""

    @property
    def stream_name(self) -> str:
        return f"memory:{self.memory_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        said_by = () if self.said_by is None else (self.said_by,)
        return tuple(user_subject(person) for person in dict.fromkeys((self.user_id, *said_by, *self.people)))


class MemoryRecordKept(Event):
    """What another program's file said of a memory besides its words, as JSON: ids of its messages and senders, its place, its kind.

    `as_whom` says as whom each of its senders was taken when it came in.
    """

    memory_id: UUID
    user_id: Snowflake
    by_user_id: Snowflake
    character_id: UUID | None = None
    kept: Sealed[str]
    as_whom: Sealed[str] = ""

    @property
    def stream_name(self) -> str:
        return f"memory:kept:{self.memory_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)


class FactsExtracted(Event):
    """A model read some turns of a channel for facts: what it noted are events of their own in the same append, `facts`.

    `people` are those whose words it read. `withheld` facts were not noted: what a person corrected or locked, or said later, stands
    against them, or enough was noted on that day.
    """

    extraction_id: UUID
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    people: tuple[Snowflake, ...] = Field((), max_length=MOST_PEOPLE)
    facts: tuple[UUID, ...] = Field((), max_length=50)
    withheld: Count = 0
    at_ms: Count = 0
    generation: str = Field("", max_length=200)
    group: str = Field("", max_length=80)
    model: str = Field("", max_length=200)
    prompt_version: Count = 0
    cost: float | None = None

    @property
    def stream_name(self) -> str:
        return f"memory:extraction:{self.extraction_id}"


class MemoryCorrected(Event):
    """A memory says this instead. What it said before, and what that was made from, is remembered no more."""

    memory_id: UUID
    user_id: Snowflake
    by_user_id: Snowflake
    text: Sealed[str]

    @property
    def stream_name(self) -> str:
        return f"memory:{self.memory_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)


class MemoryLocked(Event):
    """Whether only a person may change or take away this memory."""

    memory_id: UUID
    user_id: Snowflake
    by_user_id: Snowflake
    locked: bool

    @property
    def stream_name(self) -> str:
        return f"memory:{self.memory_id}"


class MemoryForgotten(Event):
    """This memory and everything derived from it is gone for good. `retires`: what it was made from is not remembered either."""

    memory_id: UUID
    user_id: Snowflake
    by_user_id: Snowflake
    retires: bool = True

    @property
    def stream_name(self) -> str:
        return f"memory:{self.memory_id}"


class MemoryArchived(Event):
    """This memory is met no more, because there were too many; it is kept, and may be taken out again by forgetting or correcting it."""

    memory_id: UUID
    user_id: Snowflake
    why: Literal["limit"] = "limit"

    @property
    def stream_name(self) -> str:
        return f"memory:{self.memory_id}"


class SaidForgotten(Event):
    """One thing said is remembered no more, nor anything derived from it: a person's message, or all versions of a reply to it."""

    user_id: Snowflake
    message_id: Snowflake
    character_id: UUID | None = None
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"memory:person:{self.user_id}"


class SpanForgotten(Event):
    """What a person said, and was answered, from `since_ms` to `until_ms` is remembered no more, nor anything derived from it.

    Unix milliseconds. Without `character_id` by no character, without `channel_id` from no place.
    """

    user_id: Snowflake
    by_user_id: Snowflake
    character_id: UUID | None = None
    channel_id: Snowflake | None = None
    since_ms: Count
    until_ms: Count

    @property
    def stream_name(self) -> str:
        return f"memory:person:{self.user_id}"


class SessionStarted(Event):
    """incognito: what a person says and is answered is not remembered. fresh: they are answered without memories.

    For one character or all, until it is ended or `until_ms`, Unix milliseconds.
    """

    session_id: UUID
    user_id: Snowflake
    by_user_id: Snowflake
    kind: Session
    character_id: UUID | None = None
    since_ms: Count
    until_ms: Count | None = None

    @property
    def stream_name(self) -> str:
        return f"memory:person:{self.user_id}"


class SessionEnded(Event):
    """The session is over."""

    session_id: UUID
    user_id: Snowflake
    by_user_id: Snowflake
    at_ms: Count

    @property
    def stream_name(self) -> str:
        return f"memory:person:{self.user_id}"


class ReachChosen(Event):
    """How far what a person says is remembered by the same character, and whether facts and summaries are made of it (`derive`)."""

    user_id: Snowflake
    by_user_id: Snowflake
    reach: Literal["channel", "server"]
    derive: bool = True

    @property
    def stream_name(self) -> str:
        return f"memory:person:{self.user_id}"


class MemoriesDreamed(Event):
    """A consolidation: memories it `added`, each an event of its own in the same append, and those it hides.

    `kept` says in whose favour, one for each of `hidden`; `of` is how many memories there were.
    """

    dream_id: UUID
    user_id: Snowflake
    character_id: UUID | None = None
    added: tuple[UUID, ...] = Field((), max_length=500)
    hidden: tuple[UUID, ...] = Field((), max_length=500)
    kept: tuple[UUID, ...] = Field((), max_length=500)
    of: Count = 0
    why: Literal["near duplicates", "reflection"] = "near duplicates"
    rules_version: Count = 1

    @property
    def stream_name(self) -> str:
        return f"memory:dream:{self.dream_id}"


class DreamUndone(Event):
    """A consolidation is taken back: what it added is gone, what it hid is there again."""

    dream_id: UUID
    user_id: Snowflake
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"memory:dream:{self.dream_id}"


class GenerationChosen(Event):
    """From now on the summaries (`summary`) or vectors (`vectors`) of this generation are met. `before`: which were until now."""

    kind: Literal["summary", "vectors"]
    generation: str = Field(max_length=200)
    before: str = Field("", max_length=200)
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"memory:generation:{self.kind}"
