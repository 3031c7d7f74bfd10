"""How an answer reached the people: intended, sent in chunks, delivered."""

from typing import Literal
from uuid import UUID

from engine.events.base import Count, Event, Part, Snowflake
from engine.events.message import Venue

ReplyKind = Literal["reply", "error"]


class Chunk(Part):
    """One message to send: SHA-256 of its text in UTF-8, and its length in code points."""

    sha256: str
    length: Count


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
