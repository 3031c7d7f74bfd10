"""The versions of one reply, and which of them is shown. Pure.

A reply is the answer of one character to one message. Every turn that answers it, and every edit by a person, is a version; the order
of the log is theirs. The latest one is shown unless another was chosen; a failed turn changes nothing but adds its notice.
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
from engine.events.reply import ReplyDeleted, ReplyEdited, ReplyRegenerated, VersionChosen
from engine.events.turn import TurnCancelled, TurnCompleted, TurnFailed, TurnRequested

LONGEST = 16_000
"""Characters of a reply that a person writes."""


@dataclass(frozen=True, slots=True)
class State:
    """`versions` in the order they came, without the `removed` ones. `live` is shown, and the notice of the failed turn `notice`, too.

    `pending` are turns without an end; `asked` is the latest request for the reply. `closed`: the reply was deleted, so that a turn
    which still runs shows nothing. `of` is the character.
    """

    asked: TurnRequested | None = None
    versions: tuple[UUID, ...] = ()
    removed: frozenset[UUID] = frozenset()
    live: UUID | None = None
    notice: UUID | None = None
    pending: frozenset[UUID] = frozenset()
    epoch: int = 0
    closed: bool = False
    of: character.State = field(default_factory=character.State)

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
        case CharacterCreated() | CharacterEdited() | CharacterDeleted() | CharacterRestored():
            return replace(state, of=character.evolve(state.of, event))
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
    return replace(state, versions=left, removed=state.removed | {event.version}, live=event.live, notice=None, closed=event.live is None)


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
    """The character answers once more; the new version takes the place of the old one when it is there."""


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
        raise Rejected("There is no reply to this message.")
    if not (actor.trusted or actor.user_id == asked.user_id or state.of.editable_by(actor.user_id)):
        raise Rejected("Only whoever wrote the message, or owns the character, can do this.")
    match command:
        case Regenerate():
            return _regenerate(state, asked, actor)
        case ChooseVersion():
            return _choose(state, asked, command, actor)
        case EditReply():
            return _edit(state, asked, command, actor)
        case DeleteReply():
            return _delete(state, asked, command, actor)
        case _:
            raise AssertionError(type(command).__name__)


def _regenerate(state: State, asked: TurnRequested, actor: Actor) -> list[Event]:
    if state.pending:
        raise Rejected("An answer is being written already.")
    if state.closed:
        raise Rejected("This reply was deleted. Bring it back first.")
    of = state.live or state.notice
    if of is None:
        raise Rejected("There is no reply to this message.")
    epoch = state.epoch + 1
    turn = asked.model_copy(update={"turn_id": ids.turn(asked.message_id, asked.character_id, epoch), "epoch": epoch})
    return [ReplyRegenerated(**_at(asked, actor), turn_id=turn.turn_id, epoch=epoch, of=of), turn]


def _choose(state: State, asked: TurnRequested, command: ChooseVersion, actor: Actor) -> list[Event]:
    if command.version not in {*state.versions, *state.removed}:
        raise Rejected("There is no such version of this reply.")
    if command.version == state.live and state.notice is None:
        return []
    return [VersionChosen(**_at(asked, actor), version=command.version)]


def _edit(state: State, asked: TurnRequested, command: EditReply, actor: Actor) -> list[Event]:
    text = command.text.replace("\r\n", "\n").strip()
    if not text:
        raise Rejected("Write something. To take the reply away, delete it.")
    if len(text) > LONGEST:
        raise Rejected(f"A reply may have {LONGEST:,} characters; this one has {len(text):,}.")
    if state.live is None:
        raise Rejected("There is no reply to edit.")
    version = ids.derived("reply version", asked.message_id, asked.character_id, len(state.versions), state.live, text)
    return [] if version == state.live else [ReplyEdited(**_at(asked, actor), version=version, of=state.live, text=text)]


def _delete(state: State, asked: TurnRequested, command: DeleteReply, actor: Actor) -> list[Event]:
    shown = state.live or state.notice
    if state.closed or shown is None:
        raise Rejected("There is no reply to delete.")
    if command.version is None:
        return [ReplyDeleted(**_at(asked, actor), shown=shown)]
    if command.version not in state.versions:
        raise Rejected("There is no such version of this reply.")
    place = state.versions.index(command.version)
    left = [version for version in state.versions if version != command.version]
    live = (left[max(place - 1, 0)] if command.version == state.live else state.live) if left else None
    return [ReplyDeleted(**_at(asked, actor), version=command.version, shown=shown, live=live)]


class _At(TypedDict):
    message_id: int
    character_id: UUID
    channel_id: int
    guild_id: int | None
    user_id: int
    venue: Venue
    by_user_id: int


def _at(asked: TurnRequested, actor: Actor) -> _At:
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
    """The command that takes an event back: what was shown before is shown again. Raises Rejected for one that cannot be."""
    match event:
        case ReplyEdited():
            shown = event.of
        case ReplyDeleted():
            shown = event.shown
        case VersionChosen() if before.live is not None:
            shown = before.live
        case _:
            raise Rejected("This cannot be taken back.")
    return ChooseVersion(event.message_id, event.character_id, version=shown)


RULES = Rules("reply", ReplyCommand, State(), evolve, reads, decide, reverse)
