"""Where replies are shown, as far as delivery must know: Discord, or the playground."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from bot.delivery.adopt import Found
from engine.events.message import Venue as Name


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes. `parent_id` is a thread's channel; in a DM the bot itself speaks."""

    channel_id: int
    guild_id: int | None
    parent_id: int | None
    dm: bool


@dataclass(frozen=True, slots=True)
class Speaker:
    """As whom it is said: the character's name and picture as they are in the catalogue.

    `avatar` is the address of a stored picture, `avatar_url` one on the web, for when there is no stored one.
    """

    name: str
    avatar_url: str = ""
    avatar: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send: its bytes, what it is called, and what is said with it. `voice`: as a voice message where there is such a thing."""

    name: str
    media_type: str
    content: bytes
    caption: str = ""
    alt: str = ""
    voice: bool = False
    seconds: float = 0.0
    waveform: str = ""


class Venue(Protocol):
    """A place to send to. All of it raises Refused, Unsure, Busy.

    `remote` says that sending is a request to somebody else, which may have happened without our knowing.
    """

    @property
    def name(self) -> Name: ...

    @property
    def remote(self) -> bool: ...

    def cut(self, text: str, speaker: Speaker, place: Place) -> tuple[str, ...]:
        """The messages to send for a text."""
        ...

    async def voice(self, place: Place) -> int | None:
        """The id of the webhook that speaks there; None where the bot itself does."""
        ...

    async def send(self, place: Place, speaker: Speaker, text: str, nonce: UUID, index: int) -> tuple[int, int | None]:
        """Post one message after everything that stands there; answers (message id, webhook id)."""
        ...

    async def send_file(self, place: Place, speaker: Speaker, file: Upload, nonce: UUID, index: int) -> tuple[int, int | None]:
        """Post one message with a file, in the same way; what it carries is found by the file's name."""
        ...

    async def edit(self, place: Place, message_id: int, text: str, webhook_id: int | None) -> None:
        """Make a message say something else."""
        ...

    async def delete(self, place: Place, message_id: int, webhook_id: int | None) -> None:
        """Take a message away; one that is not there is no error."""
        ...

    async def find(self, place: Place, after: int) -> Sequence[Found]:
        """All messages of ours after a message id, in channel order."""
        ...

    async def tell(self, place: Place, user_id: int, text: str, nonce: UUID, *, here: bool) -> None:
        """Tell somebody what became of an answer, at most once for a nonce: where it was asked if `here`, else where they alone read it."""
        ...
