"""A turn: one message, one character, one answer. From the request to exactly one end."""

import re
from typing import Literal
from uuid import UUID

from pydantic import Field, JsonValue

from engine.events.base import Count, Event, Part, Sealed, Snowflake, user_subject
from engine.events.message import Venue

TriggerKind = Literal["reply", "activation", "dm", "name", "mention", "command", "reaction", "playground", "initiative"]


class TurnRequested(Event):
    """A character was addressed and is to answer. `slot` orders several answers to one message, from 0.

    `may_decline`: nobody addressed it, and it may choose to say nothing.
    """

    OPENS = True
    turn_id: UUID
    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    user_id: Snowflake
    character_id: UUID
    venue: Venue
    trigger: TriggerKind
    reason: str
    slot: Count = 0
    epoch: Count = 0
    may_decline: bool = False

    @property
    def stream_name(self) -> str:
        return f"turn:{self.turn_id}"


class Usage(Part):
    """Tokens as the provider counted them, cost in US dollars where it says so."""

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    reasoning_tokens: Count = 0
    cached_tokens: Count = 0
    cost: float | None = None


class Timing(Part):
    """Milliseconds on a monotonic clock, from the moment the worker took the turn up."""

    request_sent: float = 0.0
    first_token: float | None = None
    finished: float = 0.0


class DroppedPart(Part):
    """Something that was left out of a prompt, and why. `what` is an id or a section's name, never text."""

    what: str
    why: str
    tokens: Count = 0


class Call(Part):
    """One request that was sent for a turn. `category` is of engine.fault when it failed, `why` what it was made for."""

    call_id: UUID
    model: str
    provider: str
    scope: str = ""
    key_id: UUID | None = None
    why: Literal["first", "retry", "empty", "repetition", "fallback"] = "first"
    category: str | None = None
    status: int | None = None
    ms: float = 0.0
    usage: Usage = Usage()


class Roll(Part):
    """A random value a section of a prompt drew, so that it can be built again. `what` names the draw."""

    what: str
    value: float


class PromptSection(Part):
    """What one section put into a prompt. `refs`, in its own grammar, say where in the log that stands; `tokens` are by our count."""

    name: str
    version: Count = 1
    refs: tuple[str, ...] = ()
    tokens: Count = 0
    dropped: tuple[DroppedPart, ...] = ()
    rolls: tuple[Roll, ...] = ()

    @property
    def positions(self) -> tuple[int, ...]:
        """The log positions that references begin with, in their order."""
        return tuple(int(found[0]) for ref in self.refs if (found := _POSITION.match(ref)))


_POSITION = re.compile(r"\d+")


class GenerationStarted(Event):
    """A request is about to be sent to a provider.

    With `as_of` and `catalog_as_of`, the log positions of the read models used, and the references kept in `sections` the exact
    prompt can be built again; `prompt_sha256` proves that it was. `attempt` counts the calls of a turn, `step` the steps of its loop
    of tools: a retry is another attempt at the same step. `begins` is where the conversation's window begins from now on; None when
    this prompt's window is not to be kept. `why` is that of worker.turn.answer. `preset_tier` is the tier that chose
    the preset (engine.decide.cascade). `message_forms` are those the messages were brought into.
    `variables` are what the character's macros leave to the conversation's next prompt, `keeps` how many.
    """

    turn_id: UUID
    user_id: Snowflake | None = None
    attempt: Count
    step: Count = 1
    character_id: UUID
    preset_id: UUID | None = None
    preset_tier: str | None = None
    model: str
    provider: str
    left_out: tuple[str, ...] = ()
    as_of: Count
    catalog_as_of: Count = 0
    why: str = "first"
    prompt_version: Count
    prompt_tokens: Count
    fallback_from: str | None = None
    begins: Snowflake | None = None
    sections: tuple[PromptSection, ...] = ()
    message_forms: tuple[str, ...] = ()
    keeps: Count = 0
    parameters: Sealed[dict[str, JsonValue]] = Field(default_factory=dict)
    prompt_sha256: Sealed[str]
    variables: Sealed[dict[str, str]] = Field(default_factory=dict)

    @property
    def history_ids(self) -> tuple[int, ...]:
        """Positions of what was said, in the order in which the prompt had it, the message to answer last."""
        return tuple(position for section in self.sections if section.name == "history" for position in section.positions)

    @property
    def dropped(self) -> tuple[DroppedPart, ...]:
        """What was left out, section by section."""
        return tuple(part for section in self.sections for part in section.dropped)

    @property
    def stream_name(self) -> str:
        return f"turn:{self.turn_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return () if self.user_id is None else (user_subject(self.user_id),)


class TurnCompleted(Event):
    """The model answered. The text is what will be delivered; `recovered` says it came out of a failed response, `stopped` that a stop

    sequence ended it: which one is sealed, because people choose them freely.
    `left_out` names what came with it and could not be delivered: a picture, a tool call, a part without measure.
    `changed` says in which steps the text was made different from what the model wrote (worker.turn.text.reading).
    `show_thinking`: the preset wished that its thoughts are shown.
    """

    turn_id: UUID
    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    user_id: Snowflake
    character_id: UUID
    venue: Venue
    attempt: Count
    model: str
    provider: str
    finish_reason: str
    stopped: bool = False
    cut_short: bool = False
    recovered: bool = False
    fallback_from: str | None = None
    fallback_why: str | None = None
    guest: bool = False
    upgrade_hint: bool = False
    show_thinking: bool = False
    repeated: bool = False
    left_out: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    usage: Usage = Usage()
    timing: Timing = Timing()
    text: Sealed[str]
    reasoning: Sealed[str] = ""
    raw: Sealed[str] = ""
    stop_sequence: Sealed[str | None] = None

    @property
    def stream_name(self) -> str:
        return f"turn:{self.turn_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)


class TurnFailed(Event):
    """No answer. `category` is of engine.fault; `said`, the provider's words as anybody may see them; details may quote the prompt."""

    turn_id: UUID
    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    user_id: Snowflake
    character_id: UUID
    venue: Venue
    attempt: Count
    model: str | None = None
    provider: str | None = None
    category: str
    status: Count | None = None
    reference: str
    attempts: Count = 0
    calls: tuple[Call, ...] = ()
    timing: Timing = Timing()
    user_message: Sealed[str]
    said: Sealed[str] = ""
    technical_details: Sealed[str] = ""

    @property
    def stream_name(self) -> str:
        return f"turn:{self.turn_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)


class TurnDeclined(Event):
    """The character chose to say nothing. It was asked and was paid for like an answer; nobody is shown anything."""

    turn_id: UUID
    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    user_id: Snowflake
    character_id: UUID
    venue: Venue
    attempt: Count
    model: str
    provider: str
    why: Literal["silence"] = "silence"
    calls: tuple[Call, ...] = ()
    usage: Usage = Usage()
    timing: Timing = Timing()

    @property
    def stream_name(self) -> str:
        return f"turn:{self.turn_id}"


class TurnCancelled(Event):
    """The turn ended without an answer and nobody is to be told: its message was deleted, a newer turn replaced it, it was stopped."""

    turn_id: UUID
    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    user_id: Snowflake
    character_id: UUID
    venue: Venue
    why: Literal["message deleted", "superseded", "user erased", "too late", "already told", "stopped"]

    @property
    def stream_name(self) -> str:
        return f"turn:{self.turn_id}"
