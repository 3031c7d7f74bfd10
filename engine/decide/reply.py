"""The versions of one reply, and which of them is shown. Pure.

A reply is the answer of one character to one message. Every turn that answers it, and every edit by a person, is a version; the order
of the log is theirs. The latest one is shown unless another was chosen; a failed turn changes nothing but adds its notice. A
version may go on in segments, which stand below it and are shown with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TypedDict
from uuid import UUID

from engine import ids
from engine.actor import Actor
from engine.decide import character
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, CharacterRestored
from engine.events.message import Venue
from engine.events.reply import ReplyContinued, ReplyDeleted, ReplyEdited, ReplyRegenerated, VersionChosen
from engine.events.turn import TurnCancelled, TurnCompleted, TurnDeclined, TurnFailed, TurnRequested

LONGEST = 16_000
"""Characters of a reply that a person writes."""
LONGEST_WISH = 500
"""Characters of what a new version shall be like."""


@dataclass(frozen=True, slots=True)
class State:
    """All versions `made` in the order they came, also `removed` ones. `live` is shown, and the notice of the failed turn `notice`, too.

    `continued` are the segments asked for, each with the version it goes on from; those that were `written` stand in their order.
    `pending` are turns without an end; `asked` is the latest request for the reply. `closed`: the reply was deleted, so that a turn
    which still runs shows nothing. `of` is the character.
    """

    asked: TurnRequested | None = None
    made: tuple[UUID, ...] = ()
    removed: frozenset[UUID] = frozenset()
    continued: tuple[tuple[UUID, UUID], ...] = ()
    written: tuple[UUID, ...] = ()
    live: UUID | None = None
    notice: UUID | None = None
    pending: frozenset[UUID] = frozenset()
    epoch: int = 0
    closed: bool = False
    of: character.State = field(default_factory=character.State)

    @property
    def versions(self) -> tuple[UUID, ...]:
        """Those that were not removed."""
        return tuple(version for version in self.made if version not in self.removed)

    @property
    def segments(self) -> tuple[UUID, ...]:
        """Those that stand below the version that is shown."""
        after = dict(self.continued)
        return tuple(one for one in self.written if after[one] == self.live and one not in self.removed)

    @property
    def shown(self) -> tuple[UUID, ...]:
        """The version, segments and notices that stand in the channel, in order."""
        if self.closed:
            return ()
        return tuple(shown for shown in (self.live, *self.segments, self.notice) if shown is not None)


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
        case ReplyContinued():
            continued = (*state.continued, (event.turn_id, event.of))
            return replace(state, epoch=max(state.epoch, event.epoch), pending=state.pending | {event.turn_id}, continued=continued)
        case TurnCompleted() | TurnFailed() | TurnCancelled() | TurnDeclined():
            return _ended(state, event)
        case ReplyEdited():
            return replace(state, made=(*state.made, event.version), live=event.version, notice=None)
        case VersionChosen():
            made = state.made if event.version in state.made else (*state.made, event.version)
            removed = state.removed - {event.version}
            return replace(state, made=made, removed=removed, live=event.version, notice=None, closed=False)
        case ReplyDeleted():
            return _deleted(state, event)
        case CharacterCreated() | CharacterEdited() | CharacterDeleted() | CharacterRestored():
            return replace(state, of=character.evolve(state.of, event))
        case _:
            return state


def _ended(state: State, event: TurnCompleted | TurnFailed | TurnCancelled | TurnDeclined) -> State:
    state = replace(state, pending=state.pending - {event.turn_id})
    match event:
        case TurnCompleted() if event.turn_id in dict(state.continued):
            return replace(state, written=(*state.written, event.turn_id), notice=None)
        case TurnCompleted():
            live = state.live if state.closed else event.turn_id
            return replace(state, made=(*state.made, event.turn_id), live=live, notice=None)
        case TurnFailed():
            return replace(state, notice=event.turn_id)
        case TurnCancelled() | TurnDeclined():
            return state


def _deleted(state: State, event: ReplyDeleted) -> State:
    if event.version is None:
        return replace(state, live=None, notice=None, closed=True)
    return replace(state, removed=state.removed | {event.version}, live=event.live, notice=None, closed=event.live is None)


def fold(events: Iterable[Event]) -> State:
    """The state after events in the order of the log."""
    return fold_on(State(), events)


def fold_on(state: State, events: Iterable[Event]) -> State:
    """The state after more events."""
    return reduce(evolve, events, state)


@dataclass(frozen=True, slots=True)
class ReplyCommand(Command):
    """Base of the commands about one reply."""

    message_id: int
    character_id: UUID

    @property
    def stream(self) -> str:
        return stream(self.message_id, self.character_id)


@dataclass(frozen=True, slots=True)
class Regenerate(ReplyCommand):
    """The character answers once more, as `wish` says; the new version takes the place of the old one when it is there."""

    wish: str = ""


@dataclass(frozen=True, slots=True)
class Continue(ReplyCommand):
    """The character goes on from where its reply ends, in a segment below it."""


@dataclass(frozen=True, slots=True)
class ChooseVersion(ReplyCommand):
    """Another version is shown, also one of a reply that was deleted."""

    version: UUID


@dataclass(frozen=True, slots=True)
class EditReply(ReplyCommand):
    """A person's own words become another version, which is shown."""

    text: str


@dataclass(frozen=True, slots=True)
class DeleteReply(ReplyCommand):
    """The reply is taken away; with `version` only that one, and the one before it is shown."""

    version: UUID | None = None


def reads(state: State, command: ReplyCommand) -> Sequence[str]:
    """The character's stream, the reply's, and those of its turns."""
    epochs = range(state.epoch + 1)
    return [
        f"character:{command.character_id}",
        command.stream,
        *(f"turn:{ids.turn(command.message_id, command.character_id, epoch)}" for epoch in epochs),
    ]


def decide(state: State, command: ReplyCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes. Raises Rejected."""
    asked = state.asked
    if asked is None:
        raise Rejected("There is no reply to this message. `/why` says why a message was not answered.")
    permitted(state, actor)
    match command:
        case Regenerate():
            return _regenerate(state, asked, command, actor)
        case Continue():
            return _continue(state, asked, actor)
        case ChooseVersion():
            return _choose(state, asked, command, actor)
        case EditReply():
            return _edit(state, asked, command, actor)
        case DeleteReply():
            return _delete(state, asked, command, actor)
        case _:
            raise AssertionError(type(command).__name__)


def permitted(state: State, actor: Actor) -> None:
    """Raise Rejected unless this actor may do something with the reply."""
    asks = state.asked is not None and actor.user_id == state.asked.user_id
    if not (actor.trusted or asks or state.of.editable_by(actor.user_id)):
        raise Rejected("Only whoever wrote the message, or owns the character, can do this. `/why` tells who asked.")


def _regenerate(state: State, asked: TurnRequested, command: Regenerate, actor: Actor) -> list[Event]:
    wish = " ".join(command.wish.split())
    if len(wish) > LONGEST_WISH:
        raise Rejected(f"A wish may have {LONGEST_WISH} characters; this one has {len(wish):,}.")
    turn = _next_turn(state, asked)
    of = state.live or state.notice
    if of is None:
        raise Rejected("There is no reply to this message. `/why` says why a message was not answered.")
    return [ReplyRegenerated(**at(asked, actor), turn_id=turn.turn_id, epoch=turn.epoch, of=of, wish=wish), turn]


def _continue(state: State, asked: TurnRequested, actor: Actor) -> list[Event]:
    turn = _next_turn(state, asked)
    if state.live is None:
        raise Rejected("There is no reply to go on from. `/why` says what became of it.")
    return [ReplyContinued(**at(asked, actor), turn_id=turn.turn_id, epoch=turn.epoch, of=state.live), turn]


def _next_turn(state: State, asked: TurnRequested) -> TurnRequested:
    if state.pending:
        raise Rejected("An answer is being written already.")
    if state.closed:
        raise Rejected("This reply was deleted. Bring it back first.")
    epoch = state.epoch + 1
    return asked.model_copy(update={"turn_id": ids.turn(asked.message_id, asked.character_id, epoch), "epoch": epoch})


def _choose(state: State, asked: TurnRequested, command: ChooseVersion, actor: Actor) -> list[Event]:
    if command.version not in state.made:
        raise Rejected("There is no such version of this reply. `/why` tells of those there are.")
    if command.version == state.live and state.notice is None:
        return []
    return [VersionChosen(**at(asked, actor), version=command.version, shown=state.live)]


def _edit(state: State, asked: TurnRequested, command: EditReply, actor: Actor) -> list[Event]:
    text = command.text.replace("\r\n", "\n").strip()
    if not text:
        raise Rejected("Write something. To take the reply away, delete it.")
    if len(text) > LONGEST:
        raise Rejected(f"A reply may have {LONGEST:,} characters; this one has {len(text):,}.")
    if state.live is None:
        raise Rejected("There is no reply to edit. `/why` says what became of it.")
    version = ids.derived("reply version", asked.message_id, asked.character_id, len(state.made), state.live, text)
    return [] if version == state.live else [ReplyEdited(**at(asked, actor), version=version, of=state.live, text=text)]


def _delete(state: State, asked: TurnRequested, command: DeleteReply, actor: Actor) -> list[Event]:
    shown = state.live or state.notice
    if state.closed or shown is None:
        raise Rejected("There is no reply to delete. `/why` says what became of it.")
    if command.version is None:
        return [ReplyDeleted(**at(asked, actor), shown=shown)]
    if command.version in state.segments:
        return [ReplyDeleted(**at(asked, actor), version=command.version, shown=shown, live=state.live)]
    if command.version not in state.versions:
        raise Rejected("There is no such version of this reply. `/why` tells of those there are.")
    place = state.versions.index(command.version)
    left = [version for version in state.versions if version != command.version]
    live = (left[max(place - 1, 0)] if command.version == state.live else state.live) if left else None
    return [ReplyDeleted(**at(asked, actor), version=command.version, shown=shown, live=live)]


class At(TypedDict):
    """What every event about a reply says of it."""

    message_id: int
    character_id: UUID
    channel_id: int
    guild_id: int | None
    user_id: int
    venue: Venue
    by_user_id: int


def at(asked: TurnRequested, actor: Actor) -> At:
    """Where the reply is, and who did it."""
    return {
        "message_id": asked.message_id,
        "character_id": asked.character_id,
        "channel_id": asked.channel_id,
        "guild_id": asked.guild_id,
        "user_id": asked.user_id,
        "venue": asked.venue,
        "by_user_id": actor.user_id,
    }


def reverse(before: State, after: State, event: Event) -> ReplyCommand:
    """The command that takes an event back: what was shown before is shown again. Raises Rejected for one that cannot be.

    The states know of what people did, not of the turns, which stand in streams of their own.
    """
    match event:
        case ReplyEdited():
            return ChooseVersion(event.message_id, event.character_id, version=event.of)
        case ReplyDeleted() if event.version in (None, event.shown):
            return ChooseVersion(event.message_id, event.character_id, version=event.shown)
        case ReplyDeleted():
            raise Rejected("A version that was not shown cannot be brought back this way. Choose it to show it again.")
        case VersionChosen() if before.closed:
            return DeleteReply(event.message_id, event.character_id)
        case VersionChosen() if (shown := event.shown or before.live) is not None:
            return ChooseVersion(event.message_id, event.character_id, version=shown)
        case ReplyRegenerated() | ReplyContinued():
            raise Rejected("What was written stays. Choose the version from before, or delete what was added.")
        case _:
            raise Rejected("This cannot be taken back.")


RULES = Rules("reply", ReplyCommand, State(), evolve, reads, decide, reverse)
