"""How an answer reached the people: intended, sent in chunks, delivered."""

from typing import Literal
from uuid import UUID

from engine.events.base import Count, Event, Part, Sealed, Snowflake, user_subject
from engine.events.message import Venue
from engine.resources.reacting.sheet import Rating

ReplyKind = Literal["reply", "error"]


class Chunk(Part):
    """One message to send: a digest of its text in UTF-8, and its length in code points.

    `keyed`: HMAC-SHA256 by the key of the person it is for, so that it tells nobody anything once they are erased. Else plain SHA-256.
    """

    sha256: str
    length: Count
    keyed: bool = False


class DeliveryIntended(Event):
    """These chunks are about to be sent. After a crash they are looked for in the channel before any is sent again."""

    turn_id: UUID
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    kind: ReplyKind
    after_message_id: Snowflake
    webhook_id: Snowflake | None = None
    chunks: tuple[Chunk, ...]

    @property
    def stream_name(self) -> str:
        return f"delivery:{self.turn_id}"


class ChunkDelivered(Event):
    """One chunk is visible. `adopted` says it was found in the channel after a crash instead of being sent now."""

    turn_id: UUID
    channel_id: Snowflake
    venue: Venue
    index: Count
    total: Count
    message_id: Snowflake
    webhook_id: Snowflake | None = None
    adopted: bool = False

    @property
    def stream_name(self) -> str:
        return f"delivery:{self.turn_id}"


class ReplyDelivered(Event):
    """All chunks are visible, in this order."""

    turn_id: UUID
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    user_id: Snowflake
    character_id: UUID
    venue: Venue
    kind: ReplyKind
    message_ids: tuple[Snowflake, ...]
    webhook_id: Snowflake | None = None

    @property
    def stream_name(self) -> str:
        return f"delivery:{self.turn_id}"


class DeliveryFailed(Event):
    """The answer cannot be shown and will not be tried again."""

    turn_id: UUID
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    category: str
    status: Count | None = None
    reference: str
    delivered: Count = 0

    @property
    def stream_name(self) -> str:
        return f"delivery:{self.turn_id}"


class StreamIntended(Event):
    """The beginning of an answer that is still being made is about to be posted, to be edited as it grows."""

    turn_id: UUID
    channel_id: Snowflake
    venue: Venue
    index: Count
    chunk: Chunk
    after_message_id: Snowflake
    webhook_id: Snowflake | None = None

    @property
    def stream_name(self) -> str:
        return f"delivery:{self.turn_id}"


class StreamShown(Event):
    """A message that shows an answer while it is made stands in the channel. What it says by now is not known to the log."""

    turn_id: UUID
    channel_id: Snowflake
    venue: Venue
    index: Count
    message_id: Snowflake
    webhook_id: Snowflake | None = None
    adopted: bool = False

    @property
    def stream_name(self) -> str:
        return f"delivery:{self.turn_id}"


class _ReplyEvent(Event):
    """What happens to one reply: the answer of one character to one message, in any number of versions.

    A version is named by the turn that made it, or by an id of its own when a person wrote it. `user_id` wrote the message.
    """

    message_id: Snowflake
    character_id: UUID
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    user_id: Snowflake
    venue: Venue
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"reply:{self.message_id}:{self.character_id}"


class ReplyRegenerated(_ReplyEvent):
    """Another version was asked for: the turn `turn_id` makes it. `of` is the version shown until then.

    `wish` says how it shall differ ("shorter, please"); it is told to the model for this turn and is no part of the conversation.
    """

    turn_id: UUID
    epoch: Count
    of: UUID
    wish: Sealed[str] = ""

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.by_user_id),)


class ReplyContinued(_ReplyEvent):
    """The character is to go on after its version `of`: the turn `turn_id` makes a segment that stands below it, and goes with it."""

    turn_id: UUID
    epoch: Count
    of: UUID


class ReplyEdited(_ReplyEvent):
    """A person wrote another version, made from `of`; it is shown from now on."""

    version: UUID
    of: UUID
    text: Sealed[str]

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((user_subject(self.user_id), user_subject(self.by_user_id))))


class VersionChosen(_ReplyEvent):
    """A version that was there before is shown again, whatever was deleted meanwhile. `shown` was shown before, None: nothing was."""

    version: UUID
    shown: UUID | None = None


class ReplyDeleted(_ReplyEvent):
    """The whole reply is shown no more, or only `version` of it. `shown` was shown before, `live` is shown from now on."""

    version: UUID | None = None
    shown: UUID
    live: UUID | None = None


class _VersionEvent(_ReplyEvent):
    """What a person thinks of one version. It stands beside the reply's own stream: an opinion changes nothing of what is shown."""

    version: UUID

    @property
    def stream_name(self) -> str:
        return f"opinion:{self.message_id}:{self.character_id}"


class ReplyRated(_VersionEvent):
    """A person says how good a version is; None: they take it back. `model` and `preset_id` made it, where a model did (E4)."""

    rating: Rating | None = None
    model: str | None = None
    preset_id: UUID | None = None


class ReplyReported(_VersionEvent):
    """A person tells those who run the bot that a version should not have been said, and why."""

    text: Sealed[str] = ""

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.by_user_id),)
