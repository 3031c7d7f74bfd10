"""Files made for a reply: their bytes kept sealed, and the event that has them shown below its text (bot.delivery shows them)."""

from dataclasses import dataclass
from uuid import UUID

from engine import blobs, ids
from engine.events.base import Tags, user_subject
from engine.events.build import Cause, new
from engine.events.craft.made import MadeKind, ReplyFileMade
from engine.events.turn import TurnCompleted, TurnRequested
from engine.store import Log, NewEvent


@dataclass(frozen=True, slots=True)
class Media:
    """A file somebody made, and what is said of it: see ReplyFileMade."""

    kind: MadeKind
    content: bytes
    media_type: str
    extension: str
    provider: str = ""
    model: str = ""
    caption: str = ""
    alt: str = ""
    as_voice: bool = False
    seconds: float | None = None
    waveform: str = ""


async def keep(log: Log, turn: TurnRequested | TurnCompleted, media: Media, number: int = 0) -> NewEvent:
    """Keep the file sealed for whoever is answered; returns the event to append. Raises BlobTooLarge, KeyDestroyed.

    The same turn, kind and number give the same event, so that whoever makes it twice has it shown once.
    """
    address = await blobs.put(log.pool, log.vault, media.content, user_subject(turn.user_id))
    which = file_id(turn.turn_id, media.kind, number)
    event = ReplyFileMade(
        file_id=which,
        turn_id=turn.turn_id,
        message_id=turn.message_id,
        character_id=turn.character_id,
        channel_id=turn.channel_id,
        guild_id=turn.guild_id,
        user_id=turn.user_id,
        venue=turn.venue,
        kind=media.kind,
        file=address,
        size=len(media.content),
        media_type=media.media_type,
        extension=media.extension,
        provider=media.provider,
        model=media.model,
        as_voice=media.as_voice,
        seconds=media.seconds,
        waveform=media.waveform,
        caption=media.caption,
        alt=media.alt,
    )
    return new(event, which, cause=cause(turn))


def file_id(turn: UUID, kind: MadeKind, number: int = 0) -> UUID:
    """The id of a file made for a turn's answer: the same for whoever makes it."""
    return ids.derived("reply file", turn, kind, number)


def cause(turn: TurnRequested | TurnCompleted) -> Cause:
    """Why a file was made: the turn's answer."""
    tags = Tags(turn.guild_id, turn.channel_id, turn.user_id, turn.character_id, turn.turn_id)
    return Cause(ids.message_event(turn.message_id, "received"), ids.terminal(turn.turn_id), tags)
