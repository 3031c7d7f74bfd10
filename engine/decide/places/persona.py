"""Rules for personas, which of them a person is where, and what that makes of their profile. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.persona import PersonaChosen, PersonaCreated, PersonaDeleted, PersonaEdited, PersonaRestored
from engine.events.persona import sheet as sheet_of
from engine.resources.field import changed, nested, values
from engine.resources.kinds import defaults, wrong
from engine.resources.places.kinds import PERSONA
from engine.resources.places.persona import PersonaSheet
from engine.resources.places.profile import ProfileSheet
from engine.resources.typed import tidy

UNKNOWN = "There is no such persona, or it is not yours."
Changes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """The personas a command is about as they are, those that were deleted, and which one is chosen in the place it is about."""

    personas: Mapping[UUID, PersonaCreated] = field(default_factory=dict)
    deleted: frozenset[UUID] = frozenset()
    chosen: UUID | None = None


@dataclass(frozen=True, slots=True)
class PersonaCommand(Command):
    """Base of the commands about one persona."""

    persona_id: UUID

    @property
    def stream(self) -> str:
        return f"persona:{self.persona_id}"


@dataclass(frozen=True, slots=True)
class Create(PersonaCommand):
    """Make a persona of the giver's. `measured` False: of a file, which may hold longer texts than a person may type."""

    fields: Changes
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Edit(PersonaCommand):
    """Change some fields. With `expected` only as long as those fields have these values."""

    changes: Changes
    expected: Changes = field(default_factory=dict)
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Delete(PersonaCommand):
    pass


@dataclass(frozen=True, slots=True)
class Restore(PersonaCommand):
    """Take a deletion back."""


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case PersonaCreated():
            return replace(state, personas={**state.personas, event.persona_id: event})
        case PersonaDeleted():
            return replace(state, deleted=state.deleted | {event.persona_id})
        case PersonaRestored():
            return replace(state, deleted=state.deleted - {event.persona_id})
        case PersonaChosen():
            return replace(state, chosen=event.persona_id)
        case _:
            return state


def _reads(_: State, command: PersonaCommand) -> Sequence[str]:
    return [command.stream]


def decide(state: State, command: PersonaCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    about: dict[str, Any] = {"persona_id": command.persona_id}
    match command:
        case Create():
            return [_created(state, command, actor)]
        case Edit():
            return _edit(_theirs(state, command.persona_id, actor), command, actor)
        case Delete():
            about |= {"owner_id": _theirs(state, command.persona_id, actor).owner_id}
            return [PersonaDeleted(**about, deleted_by=actor.user_id)]
        case Restore():
            gone = state.personas.get(command.persona_id)
            if gone is None or not _may(gone, actor):
                raise Rejected(UNKNOWN)
            if command.persona_id not in state.deleted:
                raise Rejected("This persona was not deleted.")
            return [PersonaRestored(**about, owner_id=gone.owner_id, restored_by=actor.user_id)]
        case _:
            raise AssertionError(type(command).__name__)


def _may(persona: PersonaCreated, actor: Actor) -> bool:
    """A persona is its owner's alone; the operator may help."""
    return persona.owner_id == actor.user_id or actor.kind != "person"


def _theirs(state: State, persona_id: UUID, actor: Actor) -> PersonaCreated:
    found = state.personas.get(persona_id)
    if found is None or persona_id in state.deleted or not _may(found, actor):
        raise Rejected(UNKNOWN)
    return found


def _created(state: State, command: Create, actor: Actor) -> PersonaCreated:
    if command.persona_id in state.personas:
        raise Rejected("This persona exists already.")
    before = defaults(PERSONA)
    after = before | cleaned(command.fields)
    for sentence in (wrong(PERSONA, {}, after) if command.measured else PERSONA.problems(after)).values():
        raise Rejected(sentence)
    try:
        made = PersonaSheet.model_validate(nested(PersonaSheet, after))
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None
    return PersonaCreated(persona_id=command.persona_id, owner_id=actor.user_id, **dict(made))


def cleaned(fields: Changes) -> dict[str, Any]:
    """The fields as they will be stored. Raises Rejected for one that no persona has."""
    if unknown := [name for name in fields if PERSONA.field(name) is None]:
        raise Rejected(f"A persona has no field called {min(unknown)}.")
    return {name: " ".join(tidy(value).split()) if name in ("name", "pronouns") else value for name, value in fields.items()}


def _edit(persona: PersonaCreated, command: Edit, actor: Actor) -> list[Event]:
    sheet = sheet_of(persona)
    before = values(sheet)
    if any(before[name] != expected for name, expected in command.expected.items()):
        raise Rejected("It was changed again since then. Take that change back first.")
    after = before | cleaned(command.changes)
    for sentence in (wrong(PERSONA, before, after) if command.measured else PERSONA.problems(after)).values():
        raise Rejected(sentence)
    try:
        made = changed(sheet, after)
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None
    about: dict[str, Any] = {"persona_id": persona.persona_id, "owner_id": persona.owner_id, "edited_by": actor.user_id}
    return [] if made == sheet else [PersonaEdited(**about, **dict(made))]


def reverse(before: State, after: State, event: Event) -> PersonaCommand:
    """The command that takes another back. Raises Rejected for one that cannot be."""
    match event:
        case PersonaEdited():
            old, new = (values(sheet_of(state.personas[event.persona_id])) for state in (before, after))
            names = [name for name in old if old[name] != new[name]]
            return Edit(event.persona_id, {n: old[n] for n in names}, {n: new[n] for n in names}, measured=False)
        case PersonaCreated() | PersonaRestored():
            return Delete(event.persona_id)
        case PersonaDeleted():
            return Restore(event.persona_id)
        case _:
            raise Rejected("This cannot be taken back.")


RULES = Rules("persona", PersonaCommand, State(), evolve, _reads, decide, reverse)


@dataclass(frozen=True, slots=True)
class Wear(Command):
    """Be one of one's personas: everywhere, in a server, or for a character. With `persona_id` None that choice is taken back."""

    user_id: int
    persona_id: UUID | None
    guild_id: int | None = None
    character_id: UUID | None = None

    @property
    def stream(self) -> str:
        return f"worn:{self.user_id}:{self.guild_id or ''}:{self.character_id or ''}"


def _reads_worn(_: State, command: Wear) -> Sequence[str]:
    return [command.stream, *([f"persona:{command.persona_id}"] if command.persona_id is not None else [])]


def _wear(state: State, command: Wear, actor: Actor) -> Sequence[Event]:
    if actor.kind == "person" and actor.user_id != command.user_id:
        raise Rejected("Everybody chooses for themselves who they are.")
    if command.guild_id is not None and command.character_id is not None:
        raise Rejected("Choose for this server or for one character, not for both at once.")
    if command.persona_id is not None and _theirs(state, command.persona_id, actor).owner_id != command.user_id:
        raise Rejected(UNKNOWN)
    if state.chosen == command.persona_id:
        return []
    place: dict[str, Any] = {"guild_id": command.guild_id, "character_id": command.character_id}
    return [PersonaChosen(user_id=command.user_id, persona_id=command.persona_id, chosen_by=actor.user_id, **place)]


def _reverse_worn(before: State, after: State, event: Event) -> Wear:
    assert isinstance(event, PersonaChosen)
    return Wear(event.user_id, before.chosen, event.guild_id, event.character_id)


WORN_RULES = Rules("worn", Wear, State(), evolve, _reads_worn, _wear, _reverse_worn)


def presented(
    own: ProfileSheet, with_character: ProfileSheet, persona: PersonaSheet | None, *, for_character: bool = False
) -> tuple[ProfileSheet, ProfileSheet]:
    """A person's two profiles while they are a persona: who they are is what it says, as a whole. How they want to be answered stays.

    One chosen `for_character` goes before both profiles; another one before the general profile only.
    """
    if persona is None:
        return own, with_character
    said = {"name": persona.name, "pronouns": persona.pronouns, "about": persona.about}
    if not for_character:
        return own.model_copy(update=said), with_character
    return own.model_copy(update=dict.fromkeys(said, "")), with_character.model_copy(update=said)
