"""Who is there while something is said (A18): a character sees only what happened in its presence, or was said to it."""

from uuid import UUID

from pydantic import Field

from engine.events.base import Event, Snowflake
from engine.events.message import Venue


class _OfScene(Event):
    """Base: which character, in which channel, by whose command."""

    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    character_id: UUID
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"scene:{self.channel_id}"


class PresenceMarked(_OfScene):
    """From the message `at` on the character is there, or is not; None takes the mark at that message back.

    Before its first mark a character was the other way round; without any mark it is always there.
    """

    at: Snowflake
    present: bool | None


class NarratorChosen(_OfScene):
    """A narrator sees everything, whether it is there or not."""

    narrates: bool


class MessageWhispered(Event):
    """A message is for these characters alone, and so is what answers it."""

    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    author_id: Snowflake
    venue: Venue
    to: tuple[UUID, ...] = Field(min_length=1, max_length=10)

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"
