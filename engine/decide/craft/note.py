"""Rules for notes and ready-made rules of characters and channels (I4, I5). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from engine.actor import Actor
from engine.decide import character
from engine.decide.channel import MANAGE
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, CharacterRestored
from engine.events.note import NoteSet
from engine.resources.craft.kinds import CRAFT
from engine.resources.craft.note import NOTHING_SET, NoteScope, NoteSheet
from engine.resources.field import changed, values
from engine.resources.kinds import wrong


@dataclass(frozen=True, slots=True)
class State:
    """What is set, and the character it is about."""

    sheet: NoteSheet = NOTHING_SET
    about: character.State = field(default_factory=character.State)


@dataclass(frozen=True, slots=True)
class SetNote(Command):
    """Change some fields of the note of a character or a channel."""

    scope: NoteScope
    target: str
    changes: Mapping[str, object]

    @property
    def stream(self) -> str:
        return f"note:{self.scope}:{self.target}"


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case NoteSet():
            return replace(state, sheet=event.sheet)
        case CharacterCreated() | CharacterEdited() | CharacterDeleted() | CharacterRestored():
            return replace(state, about=character.evolve(state.about, event))
        case _:
            return state


def reads(_: State, command: SetNote) -> Sequence[str]:
    """Its own stream, and that of the character."""
    return [command.stream, *([f"character:{command.target}"] if command.scope == "character" else [])]


def decide(state: State, command: SetNote, actor: Actor) -> Sequence[Event]:
    """The event; none when all is as wished. Raises Rejected."""
    if command.scope == "character":
        if not state.about.there or not (state.about.editable_by(actor.user_id) or actor.trusted):
            raise Rejected(character.UNKNOWN)
    elif not actor.may(MANAGE) and not actor.trusted:
        raise Rejected("You need the Manage Messages permission to set a note for this channel.")
    before = values(state.sheet)
    for sentence in wrong(CRAFT, before, before | dict(command.changes)).values():
        raise Rejected(sentence)
    try:
        sheet = changed(state.sheet, command.changes)
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None
    if sheet == state.sheet:
        return []
    return [NoteSet(scope=command.scope, target=command.target, set_by=actor.user_id, sheet=sheet)]


def reverse(before: State, after: State, event: Event) -> SetNote:
    """The command that takes another back."""
    assert isinstance(event, NoteSet)
    was, now = values(before.sheet), values(after.sheet)
    return SetNote(event.scope, event.target, {name: was[name] for name in now if was[name] != now[name]})


RULES = Rules("note", SetNote, State(), evolve, reads, decide, reverse)
