"""A reply as the log knows it: its versions, which messages show them, and what was about to be sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from bot.delivery.records import stream
from engine import ids
from engine.decide import reply
from engine.events.base import Event
from engine.events.craft.made import ReplyFileDropped, ReplyFileMade, ReplyFileShown
from engine.events.reply import (
    ChunkDelivered,
    DeliveryFailed,
    DeliveryIntended,
    ReplyContinued,
    ReplyDelivered,
    ReplyEdited,
    ReplyRegenerated,
    StreamIntended,
    StreamShown,
)
from engine.events.turn import TurnCompleted, TurnFailed
from engine.store import Log, Recorded

CANCELLED = "cancelled"
"""Category of the end of an answer that was cancelled while a part of it was shown: the part was taken away."""

NOTHING_READ: Mapping[UUID, Sequence[Recorded[Event]]] = MappingProxyType({})
type Words = TurnCompleted | TurnFailed | ReplyEdited
"""What has words to show."""
type Piece = tuple[UUID, int | UUID]
"""A version, and which of its messages: a chunk of its text by number, or a file that was made for it."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The reply's state, and the events with the words of its versions; `blank` are those whose person was erased."""

    state: reply.State
    words: Mapping[UUID, Words]
    blank: frozenset[UUID]


async def versions(log: Log, message_id: int, character_id: UUID, known: Recorded[Event] | None = None) -> Versions:
    """Read all versions of a reply from the log; `known` is an event that was read just now, perhaps the end of one."""
    acts = await log.stream(reply.stream(message_id, character_id))
    turns = [reply.first_turn(message_id, character_id)]
    turns += [recorded.event.turn_id for recorded in acts if isinstance(recorded.event, ReplyRegenerated | ReplyContinued)]
    at_hand = {known.id: known} if known is not None else {}
    ends = [found for turn in turns if (found := at_hand.get(ids.terminal(turn)) or await log.find(ids.terminal(turn))) is not None]
    told = sorted([*acts, *ends], key=lambda recorded: recorded.position)
    words: dict[UUID, Words] = {}
    blank: set[UUID] = set()
    for recorded in told:
        match recorded.event:
            case TurnCompleted() | TurnFailed() as end:
                version, words[end.turn_id] = end.turn_id, end
            case ReplyEdited() as edit:
                version, words[edit.version] = edit.version, edit
            case _:
                continue
        if recorded.erased:
            blank.add(version)
    return Versions(reply.fold(recorded.event for recorded in told), words, frozenset(blank))


@dataclass(slots=True)
class Shown:
    """Which messages stand in the channel as far as the log knows: message id -> piece it shows, None where its text may be any.

    `former` are all messages that ever showed it. `intended` and `streaming` were about to be sent; whether they were, only the
    channel knows; so for `left_open`, which another job of the same version intended and did not end. `files` were made for versions,
    without those that will not be shown. `delivered`: all of it stood there once.
    """

    messages: dict[int, Piece | None] = field(default_factory=dict)
    recorded: dict[Piece, int] = field(default_factory=dict)
    former: set[int] = field(default_factory=set)
    intended: DeliveryIntended | None = None
    left_open: DeliveryIntended | None = None
    files: dict[UUID, list[ReplyFileMade]] = field(default_factory=dict)
    delivered: bool = False
    streaming: dict[int, StreamIntended] = field(default_factory=dict)
    webhook_id: int | None = None
    done: bool = False
    newest: int | None = None
    """A message that a person said there, as new as any we know; None: not looked up."""


async def shown(
    log: Log,
    known: Iterable[UUID],
    turn: UUID,
    key: UUID,
    read: Mapping[UUID, Sequence[Recorded[Event]]] = NOTHING_READ,
    *,
    adds: bool = False,
) -> Shown:
    """Read what became of the versions `known`; `recorded`, `intended` and `done` are about the job `key` of `turn` only.

    `read` are streams of versions that were read just now. `adds`: the job adds to what stands there, so that `recorded` is of all jobs.
    """
    wanted = dict.fromkeys([*known, turn])
    streams = [read[version] if version in read else await log.stream(stream(version)) for version in wanted]
    told = sorted((recorded for one in streams for recorded in one), key=lambda recorded: recorded.position)
    own = {ids.derived("delivery", key, *parts) for parts in _ids_of(told)}
    found = Shown()
    for recorded in told:
        mine = recorded.id in own
        _evolve(found, recorded.event, mine=mine, counts=mine or adds)
        _evolve_files(found, recorded, counts=mine or adds)
    return found


def _ids_of(told: Sequence[Recorded[Event]]) -> list[tuple[object, ...]]:
    """The keys under which a job may have recorded these."""
    keys: list[tuple[object, ...]] = [("intended",), ("end",)]
    chunks = [recorded.event for recorded in told if isinstance(recorded.event, ChunkDelivered)]
    keys += [("chunk", one.index) for one in chunks]
    keys += [("chunk", one.turn_id, one.index, one.message_id) for one in chunks]
    files = [recorded.event for recorded in told if isinstance(recorded.event, ReplyFileShown)]
    return keys + [("file", one.file_id, one.message_id) for one in files]


def _evolve_files(found: Shown, recorded: Recorded[Event], *, counts: bool) -> None:
    match event := recorded.event:
        case ReplyFileMade() if not recorded.erased:
            found.files.setdefault(event.turn_id, []).append(event)
        case ReplyFileDropped():
            found.files[event.turn_id] = [one for one in found.files.get(event.turn_id, ()) if one.file_id != event.file_id]
        case ReplyFileShown():
            found.messages[event.message_id] = (event.turn_id, event.file_id)
            found.former.add(event.message_id)
            if counts:
                found.recorded[event.turn_id, event.file_id] = event.message_id
        case _:
            pass


def _evolve(found: Shown, event: Event, *, mine: bool, counts: bool) -> None:
    match event:
        case DeliveryIntended() if mine:
            found.intended, found.webhook_id = event, event.webhook_id
        case DeliveryIntended():
            found.left_open = event
        case ChunkDelivered():
            found.messages[event.message_id] = (event.turn_id, event.index)
            found.former.add(event.message_id)
            found.webhook_id = event.webhook_id or found.webhook_id
            if counts:
                found.recorded[event.turn_id, event.index] = event.message_id
        case StreamIntended():
            found.streaming[event.index] = event
        case StreamShown():
            found.messages[event.message_id] = None
            found.streaming.pop(event.index, None)
            found.webhook_id = event.webhook_id or found.webhook_id
        case ReplyDelivered():
            found.messages = {message: found.messages.get(message) for message in event.message_ids}
            found.streaming = {}
            found.done, found.delivered = found.done or mine, True
            found.left_open = found.left_open if mine else None
        case DeliveryFailed():
            found.done |= mine
            found.left_open = found.left_open if mine else None
            if event.category == CANCELLED:
                found.messages, found.streaming = {}, {}
        case _:
            pass
