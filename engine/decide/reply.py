"""The versions of one reply, and which of them is shown. Pure.

A reply is the answer of one character to one message. Every turn that answers it, and every edit by a person, is a version; the order
of the log is theirs. The latest one is shown unless another was chosen; a failed turn changes nothing but adds its notice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from uuid import UUID

from engine import ids
from engine.events.base import Event
from engine.events.reply import ReplyDeleted, ReplyEdited, ReplyRegenerated, VersionChosen
from engine.events.turn import TurnCancelled, TurnCompleted, TurnFailed, TurnRequested


@dataclass(frozen=True, slots=True)
class State:
    """`versions` in the order they came, without deleted ones. `live` is shown; `notice` is the failed turn whose notice is shown, too.

    `pending` are turns without an end; `asked` is the latest request for the reply. `closed`: the reply was deleted, so that a turn
    which still runs shows nothing.
    """

    asked: TurnRequested | None = None
    versions: tuple[UUID, ...] = ()
    live: UUID | None = None
    notice: UUID | None = None
    pending: frozenset[UUID] = frozenset()
    epoch: int = 0
    closed: bool = False

    @property
    def shown(self) -> tuple[UUID, ...]:
        """The versions and notices that stand in the channel, in order."""
        return () if self.closed else tuple(shown for shown in (self.live, self.notice) if shown is not None)


def stream(message_id: int, character_id: UUID) -> str:
    """Stream of what people do with a reply."""
    return f"reply:{message_id}:{character_id}"


def first_turn(message_id: int, character_id: UUID) -> UUID:
    """The turn that made the first version."""
    return ids.turn(message_id, character_id)


def evolve(state: State, event: Event) -> State:
    """The state after an event of the reply's stream or of one of its turns; every other event changes nothing."""
    match event:
        case TurnRequested():
            epoch = max(state.epoch, event.epoch)
            return replace(state, asked=event, epoch=epoch, pending=state.pending | {event.turn_id})
        case ReplyRegenerated():
            return replace(state, epoch=max(state.epoch, event.epoch), pending=state.pending | {event.turn_id})
        case TurnCompleted() | TurnFailed() | TurnCancelled():
            return _ended(state, event)
        case ReplyEdited():
            return replace(state, versions=(*state.versions, event.version), live=event.version, notice=None)
        case VersionChosen():
            known = state.versions if event.version in state.versions else (*state.versions, event.version)
            return replace(state, versions=known, live=event.version, notice=None, closed=False)
        case ReplyDeleted():
            return _deleted(state, event)
        case _:
            return state


def _ended(state: State, event: TurnCompleted | TurnFailed | TurnCancelled) -> State:
    state = replace(state, pending=state.pending - {event.turn_id})
    match event:
        case TurnCompleted():
            live = state.live if state.closed else event.turn_id
            return replace(state, versions=(*state.versions, event.turn_id), live=live, notice=None)
        case TurnFailed():
            return replace(state, notice=event.turn_id)
        case TurnCancelled():
            return state


def _deleted(state: State, event: ReplyDeleted) -> State:
    if event.version is None:
        return replace(state, live=None, notice=None, closed=True)
    left = tuple(version for version in state.versions if version != event.version)
    return replace(state, versions=left, live=event.live, notice=None, closed=event.live is None)


def fold(events: Iterable[Event]) -> State:
    """The state after events in the order of the log."""
    return reduce(evolve, events, State())
