"""Files made for a reply: speech, pictures. Each belongs to one version, stands below its text and goes with it."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from engine.events.base import Count, Event, Sealed, Snowflake, user_subject
from engine.events.message import Venue

MadeKind = Literal["speech", "picture"]


class ReplyFileMade(Event):
    """A file was made for the version `turn_id` of a reply, and is to be shown below its text.

    `file` is the address of its bytes, sealed for `user_id`, who wrote the message that is answered; `file_id` is this event's own id.
    `as_voice`: as a voice message of the bot itself where the venue has such a thing, which needs `seconds` and `waveform` (base64, a
    byte for each of at most 256 moments). `caption` stands beside it, `alt` is for those who cannot see or hear it.
    """

    file_id: UUID
    turn_id: UUID
    message_id: Snowflake
    character_id: UUID
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    user_id: Snowflake
    venue: Venue
    kind: MadeKind
    file: str = Field(max_length=64)
    size: Count
    media_type: str = Field(max_length=100)
    extension: str = Field(pattern=r"^[a-z0-9]{1,5}$")
    provider: str = ""
    model: str = ""
    as_voice: bool = False
    seconds: float | None = Field(None, ge=0)
    waveform: Sealed[str] = ""
    caption: Sealed[str] = ""
    alt: Sealed[str] = ""

    @property
    def stream_name(self) -> str:
        return f"delivery:{self.turn_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)

    @property
    def name(self) -> str:
        """What the file is called where it is shown: nothing else is called so, which is how it is found after a crash."""
        return f"{self.kind}-{self.file_id.hex[:16]}.{self.extension}"


class ReplyFileShown(Event):
    """A message shows a file that was made for a reply. `adopted`: it was found in the channel after a crash."""

    turn_id: UUID
    file_id: UUID
    channel_id: Snowflake
    venue: Venue
    message_id: Snowflake
    webhook_id: Snowflake | None = None
    adopted: bool = False

    @property
    def stream_name(self) -> str:
        return f"delivery:{self.turn_id}"


class ReplyFileDropped(Event):
    """A file that was made for a reply will not be shown: the venue refused it, or its bytes are gone. The reply is as it is without."""

    turn_id: UUID
    file_id: UUID
    channel_id: Snowflake
    venue: Venue
    category: str
    status: Count | None = None

    @property
    def stream_name(self) -> str:
        return f"delivery:{self.turn_id}"
