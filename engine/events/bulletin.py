"""What the bot says of itself: how it shows itself on Discord, and news of releases."""

from pydantic import Field

from engine.events.base import Event, Snowflake
from engine.resources.places.showing import PRESENCE, Activity, Status


class PresenceSet(Event):
    """How the bot shows itself from now on. Without a text it only has its status. Everybody sees it, so it is nobody's secret."""

    status: Status = "online"
    activity: Activity = "custom"
    text: str = Field("", max_length=128)
    set_by: Snowflake = 0

    @property
    def stream_name(self) -> str:
        return PRESENCE


class ReleasePublished(Event):
    """There is a release. `notes` are its first ones, as whoever published it wrote them for everybody."""

    version: str = Field(min_length=1, max_length=100)
    title: str = Field("", max_length=200)
    notes: str = Field("", max_length=4000)
    url: str = Field("", max_length=500)

    @property
    def stream_name(self) -> str:
        return f"release:{self.version}"


class ReleaseTold(Event):
    """A channel was told of a release, in the message `message_id`."""

    version: str = Field(min_length=1, max_length=100)
    guild_id: Snowflake
    channel_id: Snowflake
    message_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"release:{self.version}"
