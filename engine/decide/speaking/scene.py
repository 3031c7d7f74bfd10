"""Rules for who is there in a channel's scene, from which message on (A18). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict
from uuid import UUID

from engine.actor import Actor
from engine.decide import character
from engine.decide.channel import MANAGE, Where
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, CharacterRestored
from engine.events.message import Venue
from engine.events.scene import NarratorChosen, PresenceMarked

Marks = Mapping[int, bool]
"""Message id -> whether a character is there from it on."""


@dataclass(frozen=True, slots=True)
class State:
    """The marks of each character, who narrates, and the characters it is about as they are now."""

    marks: Mapping[UUID, Marks] = field(default_factory=dict)
    narrators: frozenset[UUID] = frozenset()
    characters: Mapping[UUID, character.State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SceneCommand(Command):
    """Base of the commands about one character in one channel."""

    where: Where
    character_id: UUID

    @property
    def stream(self) -> str:
        return f"scene:{self.where.channel_id}"


@dataclass(frozen=True, slots=True)
class Mark(SceneCommand):
    """The character is there from the message `at` on, or is not; None takes the mark at that message back."""

    at: int
    present: bool | None


@dataclass(frozen=True, slots=True)
class Narrate(SceneCommand):
    """The character sees everything, or does not."""

    narrates: bool


def present(marks: Marks, at: int) -> bool:
    """Whether somebody with these marks was there when a message was said."""
    if not marks:
        return True
    before = [mark for mark in marks if mark <= at]
    return marks[max(before)] if before else not marks[min(marks)]


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case PresenceMarked():
            marks = {at: there for at, there in state.marks.get(event.character_id, {}).items() if at != event.at}
            marks |= {} if event.present is None else {event.at: event.present}
            return replace(state, marks={**state.marks, event.character_id: marks})
        case NarratorChosen():
            rest = state.narrators - {event.character_id}
            return replace(state, narrators=rest | {event.character_id} if event.narrates else rest)
        case CharacterCreated() | CharacterEdited() | CharacterDeleted() | CharacterRestored():
            known = character.evolve(state.characters.get(event.character_id, character.State()), event)
            return replace(state, characters={**state.characters, event.character_id: known})
        case _:
            return state


def reads(_: State, command: SceneCommand) -> Sequence[str]:
    """The scene, and the character."""
    return [command.stream, f"character:{command.character_id}"]


def decide(state: State, command: SceneCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes. Raises Rejected."""
    if command.where.guild_id is not None and not actor.may(MANAGE):
        raise Rejected("You need the Manage Messages permission to change who is in the scene here.")
    known = state.characters.get(command.character_id)
    if known is None or not known.usable_by(actor.user_id):
        raise Rejected(character.UNKNOWN)
    match command:
        case Mark():
            return _mark(state.marks.get(command.character_id, {}), command, actor)
        case Narrate():
            if command.narrates == (command.character_id in state.narrators):
                raise Rejected("It narrates here already." if command.narrates else "It does not narrate here.")
            return [NarratorChosen(**_at(command, actor), narrates=command.narrates)]
        case _:
            raise AssertionError(type(command).__name__)


def _mark(marks: Marks, command: Mark, actor: Actor) -> Sequence[Event]:
    if command.present is None and command.at not in marks:
        raise Rejected("There is nothing to take back at that message.")
    if command.present is not None and (marks or command.present) and present(marks, command.at) == command.present:
        raise Rejected("It is there already." if command.present else "It is not there.")
    return [PresenceMarked(**_at(command, actor), at=command.at, present=command.present)]


class _At(TypedDict):
    channel_id: int
    guild_id: int | None
    venue: Venue
    character_id: UUID
    by_user_id: int


def _at(command: SceneCommand, actor: Actor) -> _At:
    where = command.where
    return {
        "channel_id": where.channel_id,
        "guild_id": where.guild_id,
        "venue": where.venue,
        "character_id": command.character_id,
        "by_user_id": actor.user_id,
    }


def reverse(before: State, after: State, event: Event) -> SceneCommand:
    """The command that takes another back."""
    assert isinstance(event, PresenceMarked | NarratorChosen)
    where = Where(event.channel_id, event.guild_id, event.venue)
    if isinstance(event, NarratorChosen):
        return Narrate(where, event.character_id, not event.narrates)
    return Mark(where, event.character_id, event.at, before.marks.get(event.character_id, {}).get(event.at))


RULES = Rules("scene", SceneCommand, State(), evolve, reads, decide, reverse)
