"""What the log says about one delivery: intended, chunk by chunk, ended. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from bot.delivery.venue import Place
from engine import ids
from engine.events.base import Event, Tags
from engine.events.build import Cause, new
from engine.events.craft.made import ReplyFileDropped, ReplyFileMade, ReplyFileShown
from engine.events.message import Venue
from engine.events.reply import (
    Chunk,
    ChunkDelivered,
    DeliveryFailed,
    DeliveryIntended,
    ReplyDelivered,
    ReplyKind,
    StreamIntended,
    StreamShown,
)
from engine.store import NewEvent


def stream(version: UUID) -> str:
    """Stream of what happened to one version of a reply on its way to people."""
    return f"delivery:{version}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One message that is to stand in the channel: chunk `index` of `total` of a version, or a file that was made for it.

    `text` tells a chunk from others; a file is told by its id, and brings its caption along.
    """

    version: UUID
    index: int
    total: int
    text: str
    file: ReplyFileMade | None = None

    @property
    def piece(self) -> tuple[UUID, int | UUID]:
        """What a message shows that shows this."""
        return self.version, self.file.file_id if self.file is not None else self.index


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to make visible. `turn` is the version it is recorded for.

    `key` tells it from others of the same version: the turn for its first showing, else the event that asked for another one.
    """

    turn: UUID
    key: UUID
    message_id: int
    user_id: int
    character_id: UUID
    venue: Venue
    kind: ReplyKind
    place: Place

    def intended(self, chunks: Sequence[Chunk], after: int, webhook_id: int | None) -> NewEvent:
        """Said before anything is sent. What is sent later is looked for after the message `after`."""
        event = DeliveryIntended(
            turn_id=self.turn,
            channel_id=self.place.channel_id,
            guild_id=self.place.guild_id,
            venue=self.venue,
            kind=self.kind,
            after_message_id=after,
            webhook_id=webhook_id,
            chunks=tuple(chunks),
        )
        return self._new(event, "intended")

    def delivered(self, one: Wanted, message_id: int, webhook_id: int | None, *, adopted: bool = False) -> NewEvent:
        """A message shows a chunk, or a file."""
        if one.file is not None:
            return self._file_shown(one.file, message_id, webhook_id, adopted=adopted)
        event = ChunkDelivered(
            turn_id=one.version,
            channel_id=self.place.channel_id,
            venue=self.venue,
            index=one.index,
            total=one.total,
            message_id=message_id,
            webhook_id=webhook_id,
            adopted=adopted,
        )
        first = one.version == self.turn == self.key
        return self._new(event, "chunk", one.index) if first else self._new(event, "chunk", one.version, one.index, message_id)

    def _file_shown(self, file: ReplyFileMade, message_id: int, webhook_id: int | None, *, adopted: bool) -> NewEvent:
        event = ReplyFileShown(
            turn_id=file.turn_id,
            file_id=file.file_id,
            channel_id=self.place.channel_id,
            venue=self.venue,
            message_id=message_id,
            webhook_id=webhook_id,
            adopted=adopted,
        )
        return self._new(event, "file", file.file_id, message_id)

    def file_dropped(self, file: ReplyFileMade, category: str, status: int | None = None) -> NewEvent:
        """A file will not be shown, now or later."""
        event = ReplyFileDropped(
            turn_id=file.turn_id,
            file_id=file.file_id,
            channel_id=self.place.channel_id,
            venue=self.venue,
            category=category,
            status=status,
        )
        return new(event, ids.derived("reply file dropped", file.file_id), cause=Cause(causation=file.file_id, tags=self._tags))

    def complete(self, messages: Sequence[int], webhook_id: int | None) -> NewEvent:
        """All of it is visible, and nothing else of this reply."""
        event = ReplyDelivered(
            turn_id=self.turn,
            channel_id=self.place.channel_id,
            guild_id=self.place.guild_id,
            user_id=self.user_id,
            character_id=self.character_id,
            venue=self.venue,
            kind=self.kind,
            message_ids=tuple(messages),
            webhook_id=webhook_id,
        )
        return self._new(event, "end")

    def failed(self, category: str, status: int | None, sent: int, reference: str = "") -> NewEvent:
        """It will not be shown, or no more of it. Shares its id with `complete`: it ends once."""
        event = DeliveryFailed(
            turn_id=self.turn,
            channel_id=self.place.channel_id,
            guild_id=self.place.guild_id,
            venue=self.venue,
            category=category,
            status=status,
            reference=reference or ids.reference(),
            delivered=sent,
        )
        return self._new(event, "end")

    def stream_intended(self, index: int, chunk: Chunk, after: int, webhook_id: int | None) -> NewEvent:
        """Said before the beginning of an unfinished answer is posted."""
        event = StreamIntended(
            turn_id=self.turn,
            channel_id=self.place.channel_id,
            venue=self.venue,
            index=index,
            chunk=chunk,
            after_message_id=after,
            webhook_id=webhook_id,
        )
        return self._new(event, "stream intended", index, chunk.sha256)

    def stream_shown(self, index: int, message_id: int, webhook_id: int | None, *, adopted: bool = False) -> NewEvent:
        """A message shows a part of an unfinished answer."""
        event = StreamShown(
            turn_id=self.turn,
            channel_id=self.place.channel_id,
            venue=self.venue,
            index=index,
            message_id=message_id,
            webhook_id=webhook_id,
            adopted=adopted,
        )
        return self._new(event, "stream shown", index)

    @property
    def end_id(self) -> UUID:
        """Id of the event that ends it."""
        return ids.derived("delivery", self.key, "end")

    @property
    def _tags(self) -> Tags:
        return Tags(self.place.guild_id, self.place.channel_id, self.user_id, self.character_id, self.turn)

    def _new(self, event: Event, *key: object) -> NewEvent:
        causation = ids.terminal(self.turn) if self.key == self.turn else self.key
        cause = Cause(ids.message_event(self.message_id, "received"), causation, self._tags)
        return new(event, ids.derived("delivery", self.key, *key), cause=cause)
