"""What holds for a channel: who speaks there, and from where on its history counts."""

from uuid import UUID

from pydantic import Field

from engine.events.base import Count, Event, Snowflake
from engine.events.message import Venue
from engine.resources.channel import ChannelSheet
from engine.resources.places.forked import MOST_LINES, ForkedLine


class CharacterActivated(Event):
    """From now on this character answers every message in the channel."""

    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    character_id: UUID
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"channel:{self.channel_id}"


class CharacterDeactivated(Event):
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    character_id: UUID
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"channel:{self.channel_id}"


class ContextReset(Event):
    """Prompts see nothing of this channel from before this event. `character_id` None: for all characters."""

    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    character_id: UUID | None = None
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"channel:{self.channel_id}"


class ContextRestored(Event):
    """The last reset of this channel (for this character, or for all) does not hold any more."""

    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    character_id: UUID | None = None
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"channel:{self.channel_id}"


class ChannelPurged(Event):
    """Nothing said in this channel before is shown to a character ever again, and no reset that is taken back brings it back."""

    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"channel:{self.channel_id}"


class ConversationForked(Event):
    """This channel goes on from another conversation as it was at the event `at`. Nothing is copied: `lines` name what was said there."""

    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    character_id: UUID
    by_user_id: Snowflake
    source_channel_id: Snowflake
    at: Count
    lines: tuple[ForkedLine, ...] = Field(max_length=MOST_LINES)

    @property
    def stream_name(self) -> str:
        return f"channel:{self.channel_id}"


class ChannelEdited(ChannelSheet, Event):
    """All that is set for a channel, as it is from now on. A thread has its own, else that of its parent."""

    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"channel:{self.channel_id}"


def sheet(event: ChannelEdited) -> ChannelSheet:
    """What the event says of the channel."""
    return ChannelSheet.model_validate({name: getattr(event, name) for name in ChannelSheet.model_fields})
