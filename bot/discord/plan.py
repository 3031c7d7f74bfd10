"""What is to be sent for a finished turn, and which of it already stands in the channel. Pure."""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from bot.delivery.split import LIMIT, length, split
from engine import ids
from engine.events.base import Tags
from engine.events.reply import Chunk, ChunkDelivered, DeliveryFailed, DeliveryIntended, ReplyDelivered, ReplyKind
from engine.store import NewEvent


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes. `parent_id` is a thread's channel; in a DM the bot itself speaks."""

    channel_id: int
    guild_id: int | None
    parent_id: int | None
    dm: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, cut into the texts to send. `name` is a legal webhook name, `avatar` an address or None."""

    turn_id: UUID
    message_id: int
    user_id: int
    character_id: UUID
    kind: ReplyKind
    place: Place
    name: str
    avatar: str | None
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """A message of ours found in the channel."""

    id: int
    text: str


def texts(text: str, name: str, *, dm: bool) -> tuple[str, ...]:
    """The messages to send. In a DM the first one says who speaks."""
    prefix = f"**{name}:** " if dm else ""
    cut = split(text, LIMIT, LIMIT - length(prefix))
    return (prefix + cut[0], *cut[1:]) if cut else ()


def digest(text: str) -> str:
    """What identifies a text in DeliveryIntended."""
    return hashlib.sha256(text.encode()).hexdigest()


def adopt(answer: Answer, intended: Sequence[Chunk], sent: Mapping[int, int], standing: Sequence[Standing]) -> dict[int, int]:
    """Which chunks that were not recorded as sent stand in the channel: index -> message id.

    `standing` are our messages there after the trigger that belong to no recorded chunk, oldest first. Chunks stand in order, so
    each is looked for after the one before it. A text counts as the same when its digest does, or when only white space and
    invisible characters differ, which Discord may change.
    """
    found: dict[int, int] = {}
    after = 0
    for index, text in enumerate(answer.texts):
        if index in sent:
            after = sent[index]
            continue
        wanted = {digest(text)} | ({intended[index].sha256} if index < len(intended) else set())
        match = next((m for m in standing if m.id > after and (digest(m.text) in wanted or _essence(m.text) == _essence(text))), None)
        if match is not None:
            found[index] = after = match.id
    return found


def _essence(text: str) -> str:
    visible = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf")
    return " ".join(visible.split())


def stream(turn_id: UUID) -> str:
    """Stream of what happened to one answer."""
    return f"delivery:{turn_id}"


def intended(answer: Answer, webhook_id: int | None) -> NewEvent:
    """Said before anything is sent."""
    place = answer.place
    event = DeliveryIntended(
        turn_id=answer.turn_id,
        channel_id=place.channel_id,
        guild_id=place.guild_id,
        venue="discord",
        kind=answer.kind,
        after_message_id=answer.message_id,
        webhook_id=webhook_id,
        chunks=tuple(Chunk(sha256=digest(text), length=len(text)) for text in answer.texts),
    )
    return _event(answer, event, "intended")


def delivered(answer: Answer, index: int, message_id: int, webhook_id: int | None, *, adopted: bool) -> NewEvent:
    """One chunk is visible."""
    event = ChunkDelivered(
        turn_id=answer.turn_id,
        channel_id=answer.place.channel_id,
        venue="discord",
        index=index,
        total=len(answer.texts),
        message_id=message_id,
        webhook_id=webhook_id,
        adopted=adopted,
    )
    return _event(answer, event, "chunk", index)


def complete(answer: Answer, sent: Mapping[int, int], webhook_id: int | None) -> NewEvent:
    """All of it is visible."""
    event = ReplyDelivered(
        turn_id=answer.turn_id,
        channel_id=answer.place.channel_id,
        guild_id=answer.place.guild_id,
        user_id=answer.user_id,
        character_id=answer.character_id,
        venue="discord",
        kind=answer.kind,
        message_ids=tuple(sent[index] for index in sorted(sent)),
        webhook_id=webhook_id,
    )
    return _event(answer, event, "end")


def failed(answer: Answer, category: str, status: int | None, sent: int) -> NewEvent:
    """It will not be shown, or no more of it. Shares its id with `complete`: an answer ends once."""
    event = DeliveryFailed(
        turn_id=answer.turn_id,
        channel_id=answer.place.channel_id,
        guild_id=answer.place.guild_id,
        venue="discord",
        category=category,
        status=status,
        reference=ids.reference(),
        delivered=sent,
    )
    return _event(answer, event, "end")


def _event(answer: Answer, event: DeliveryIntended | ChunkDelivered | ReplyDelivered | DeliveryFailed, *key: object) -> NewEvent:
    return NewEvent(
        event,
        stream=stream(answer.turn_id),
        id=ids.derived("delivery", answer.turn_id, *key),
        tags=Tags(answer.place.guild_id, answer.place.channel_id, answer.user_id, answer.character_id, answer.turn_id),
        correlation=ids.message_event(answer.message_id, "received"),
        causation=ids.terminal(answer.turn_id),
    )
