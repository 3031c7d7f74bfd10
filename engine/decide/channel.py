"""Rules for who is activated in a channel, and from where on its history counts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict
from uuid import UUID

from engine.actor import Actor
from engine.decide import character
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.channel import (
    ChannelEdited,
    ChannelPurged,
    CharacterActivated,
    CharacterDeactivated,
    ContextReset,
    ContextRestored,
    ConversationForked,
)
from engine.events.channel import sheet as sheet_of
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, CharacterRestored
from engine.events.message import Venue
from engine.resources.channel import AS_IT_COMES, ChannelSheet
from engine.resources.field import changed, values
from engine.resources.kinds import CHANNEL, wrong
from engine.resources.places.forked import ForkedLine

CHARACTERS = 5
"""How many may be activated in one channel (A4)."""
MANAGE = "manage_messages"
"""Discord's permission to change who answers in a channel of a server."""


@dataclass(frozen=True, slots=True)
class Where:
    """A channel."""

    channel_id: int
    guild_id: int | None
    venue: Venue


@dataclass(frozen=True, slots=True)
class State:
    """Who is activated, oldest activation first, with whom they were activated by; the characters it is about, as they are now."""

    active: Mapping[UUID, int] = field(default_factory=dict)
    sheet: ChannelSheet = AS_IT_COMES
    characters: Mapping[UUID, character.State] = field(default_factory=dict)
    resets: tuple[UUID | None, ...] = ()
    """For whom the context was reset, the last one last; None is for all."""
    forked: bool = False

    @property
    def present(self) -> list[UUID]:
        """The activated characters that were not deleted."""
        return [c for c in self.active if not self.characters.get(c, character.State()).deleted]


@dataclass(frozen=True, slots=True)
class ChannelCommand(Command):
    """Base of the commands about one channel."""

    where: Where

    @property
    def stream(self) -> str:
        return f"channel:{self.where.channel_id}"


@dataclass(frozen=True, slots=True)
class Activate(ChannelCommand):
    """The character answers everything said there from now on."""

    character_id: UUID


@dataclass(frozen=True, slots=True)
class Deactivate(ChannelCommand):
    """One of them stops, or with None all of them."""

    character_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class SetActive(ChannelCommand):
    """Exactly these are activated, in this order, as `by` activated them: what was there before a change that is taken back."""

    active: Mapping[UUID, int]
    expected: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class ResetContext(ChannelCommand):
    """Prompts see nothing of the channel from before; with None for all characters."""

    character_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RestoreContext(ChannelCommand):
    """The last reset holds no more. With `resets` only when there are so many: nobody reset it again since."""

    character_id: UUID | None = None
    resets: int | None = None


@dataclass(frozen=True, slots=True)
class Reset(ChannelCommand):
    """Start the channel anew: nobody is activated, nothing is set, and prompts see nothing from before (H8)."""


@dataclass(frozen=True, slots=True)
class TakeBackReset(ChannelCommand):
    """All is as it was before the channel was started anew, if nothing changed since: `resets` counts how often its context was reset."""

    active: Mapping[UUID, int]
    sheet: ChannelSheet
    resets: int


@dataclass(frozen=True, slots=True)
class Purge(ChannelCommand):
    """What was said there is shown to no character again, for good."""


@dataclass(frozen=True, slots=True)
class Fork(ChannelCommand):
    """The channel goes on from what was said in `source` up to the event `at`, with a character; `lines` are what that is."""

    character_id: UUID
    source: int
    at: int
    lines: tuple[ForkedLine, ...]


@dataclass(frozen=True, slots=True)
class Edit(ChannelCommand):
    """Change what is set for the channel. With `expected` only as long as those fields have these values."""

    changes: Mapping[str, Any]
    expected: Mapping[str, Any] = field(default_factory=dict)


def evolve(state: State, event: Event) -> State:
    """The state after an event of the channel, or of a character."""
    match event:
        case CharacterActivated():
            return replace(state, active={**state.active, event.character_id: state.active.get(event.character_id, event.by_user_id)})
        case CharacterDeactivated():
            return replace(state, active={c: by for c, by in state.active.items() if c != event.character_id})
        case ContextReset():
            return replace(state, resets=(*state.resets, event.character_id))
        case ContextRestored():
            last = len(state.resets) - 1 - state.resets[::-1].index(event.character_id)
            return replace(state, resets=(*state.resets[:last], *state.resets[last + 1 :]))
        case ChannelPurged():
            return replace(state, resets=())
        case ConversationForked():
            return replace(state, forked=True)
        case ChannelEdited():
            return replace(state, sheet=sheet_of(event))
        case CharacterCreated() | CharacterEdited() | CharacterDeleted() | CharacterRestored():
            known = character.evolve(state.characters.get(event.character_id, character.State()), event)
            return replace(state, characters={**state.characters, event.character_id: known})
        case _:
            return state


def reads(state: State, command: ChannelCommand) -> Sequence[str]:
    """The channel's stream, and those of the characters in it or to come."""
    wanted = [command.character_id] if isinstance(command, Activate | Fork) else []
    return [command.stream, *(f"character:{c}" for c in dict.fromkeys([*state.active, *wanted]))]


def decide(state: State, command: ChannelCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes. Raises Rejected."""
    if command.where.guild_id is not None and not actor.may(MANAGE):
        raise Rejected("You need the Manage Messages permission to change who answers here, and from where on.")
    match command:
        case Activate():
            return [_activate(state, command, actor)]
        case Deactivate():
            return _deactivate(state, command, actor)
        case SetActive():
            return _set_active(state, command, actor)
        case Edit():
            return _edit(state.sheet, command, actor)
        case Fork():
            return [_fork(state, command, actor)]
        case _:
            return _context(state, command, actor)


def _context(state: State, command: ChannelCommand, actor: Actor) -> Sequence[Event]:
    match command:
        case ResetContext():
            return [ContextReset(**_at(command.where), character_id=command.character_id, by_user_id=actor.user_id)]
        case RestoreContext():
            return [_restore(state, command, actor)]
        case Reset():
            return _reset(state, command, actor)
        case TakeBackReset():
            return _take_back(state, command, actor)
        case Purge():
            return [ChannelPurged(**_at(command.where), by_user_id=actor.user_id)]
        case _:
            raise AssertionError(type(command).__name__)


def _restore(state: State, command: RestoreContext, actor: Actor) -> ContextRestored:
    if command.character_id not in state.resets:
        raise Rejected("Nothing was cleared here that could be brought back. `/history clear` clears.")
    if command.resets is not None and len(state.resets) != command.resets:
        raise Rejected("It was cleared again since then. Take that back first.")
    return ContextRestored(**_at(command.where), character_id=command.character_id, by_user_id=actor.user_id)


def _activate(state: State, command: Activate, actor: Actor) -> CharacterActivated:
    known = state.characters.get(command.character_id)
    if known is None or not known.usable_by(actor.user_id):
        raise Rejected(character.UNKNOWN)
    if command.character_id in state.active:
        raise Rejected("It is activated here already.")
    if len(state.present) >= CHARACTERS:
        raise Rejected(f"{CHARACTERS} characters are activated here already. Deactivate one first.")
    return CharacterActivated(**_at(command.where), character_id=command.character_id, by_user_id=actor.user_id)


def _fork(state: State, command: Fork, actor: Actor) -> ConversationForked:
    known = state.characters.get(command.character_id)
    if known is None or not known.usable_by(actor.user_id):
        raise Rejected(character.UNKNOWN)
    if state.forked:
        raise Rejected("This channel goes on from another conversation already. Choose another channel, or the playground.")
    if command.source == command.where.channel_id:
        raise Rejected("A conversation cannot go on from itself. Choose another channel, or the playground.")
    if not command.lines:
        raise Rejected("Nothing was said there by then that could be taken over.")
    taken = {"character_id": command.character_id, "by_user_id": actor.user_id, "at": command.at, "lines": command.lines}
    return ConversationForked.model_validate(_at(command.where) | {"source_channel_id": command.source} | taken)


def _deactivate(state: State, command: Deactivate, actor: Actor) -> list[Event]:
    leaving = [c for c in state.active if command.character_id in (None, c)]
    if not leaving:
        raise Rejected("Nobody is activated here." if command.character_id is None else "It is not activated here.")
    return [CharacterDeactivated(**_at(command.where), character_id=c, by_user_id=actor.user_id) for c in leaving]


def _set_active(state: State, command: SetActive, actor: Actor) -> list[Event]:
    if tuple(state.active) != command.expected:
        raise Rejected("Who answers here was changed again since then. Take that change back first.")
    now, then = list(state.active.items()), list(command.active.items())
    kept = next((n for n, (one, other) in enumerate(zip(now, then, strict=False)) if one != other), min(len(now), len(then)))
    gone: list[Event] = [CharacterDeactivated(**_at(command.where), character_id=c, by_user_id=actor.user_id) for c, _ in now[kept:]]
    return gone + [CharacterActivated(**_at(command.where), character_id=c, by_user_id=by) for c, by in then[kept:]]


def _reset(state: State, command: Reset, actor: Actor) -> list[Event]:
    made: list[Event] = [ContextReset(**_at(command.where), by_user_id=actor.user_id)]
    made += [CharacterDeactivated(**_at(command.where), character_id=c, by_user_id=actor.user_id) for c in state.active]
    return made + _set(state.sheet, AS_IT_COMES, command.where, actor)


def _take_back(state: State, command: TakeBackReset, actor: Actor) -> list[Event]:
    restored = _restore(state, RestoreContext(command.where, None, command.resets), actor)
    activated = _set_active(state, SetActive(command.where, command.active, ()), actor)
    if state.sheet != AS_IT_COMES:
        raise Rejected("What is set here was changed again since then. Take that change back first.")
    return [restored, *activated, *_set(state.sheet, command.sheet, command.where, actor)]


def _set(before: ChannelSheet, sheet: ChannelSheet, where: Where, actor: Actor) -> list[Event]:
    return [] if sheet == before else [ChannelEdited(**_at(where), **dict(sheet), by_user_id=actor.user_id)]


def _edit(sheet: ChannelSheet, command: Edit, actor: Actor) -> list[Event]:
    before = values(sheet)
    if unknown := [name for name in command.changes if CHANNEL.field(name) is None]:
        raise Rejected(f"A channel has no field called {min(unknown)}.")
    if any(before[name] != expected for name, expected in command.expected.items()):
        raise Rejected("It was changed again since then. Take that change back first.")
    after = before | dict(command.changes)
    for sentence in wrong(CHANNEL, before, after).values():
        raise Rejected(sentence)
    return _set(sheet, changed(sheet, after), command.where, actor)


class _At(TypedDict):
    channel_id: int
    guild_id: int | None
    venue: Venue


def _at(where: Where) -> _At:
    return {"channel_id": where.channel_id, "guild_id": where.guild_id, "venue": where.venue}


def reverse(before: State, after: State, event: Event) -> ChannelCommand:
    """The command that takes an event back. Raises Rejected for one that cannot be."""
    if isinstance(event, ChannelEdited):
        old, new = values(before.sheet), values(after.sheet)
        names = [name for name in old if old[name] != new[name]]
        return Edit(_where(event), {n: old[n] for n in names}, {n: new[n] for n in names})
    alone = (before.active, before.sheet) == (after.active, after.sheet)
    if isinstance(event, ContextReset):
        resets = len(after.resets)
        return (
            RestoreContext(_where(event), event.character_id, resets)
            if alone
            else TakeBackReset(_where(event), before.active, before.sheet, resets)
        )
    if isinstance(event, ContextRestored):
        return ResetContext(_where(event), event.character_id) if alone else Reset(_where(event))
    if not isinstance(event, CharacterActivated | CharacterDeactivated):
        raise Rejected("This cannot be taken back.")
    return SetActive(_where(event), before.active, tuple(after.active))


def _where(event: ChannelEdited | CharacterActivated | CharacterDeactivated | ContextReset | ContextRestored) -> Where:
    return Where(event.channel_id, event.guild_id, event.venue)


RULES = Rules("channel", ChannelCommand, State(), evolve, reads, decide, reverse, ties_what_it_reads=True)
