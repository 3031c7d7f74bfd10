"""Rules for what reactions do in a server, and to one character's replies. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from engine.actor import Actor
from engine.decide import character
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, CharacterRestored
from engine.events.reaction import ReactionsMapped
from engine.resources.field import changed, values
from engine.resources.kinds import REACTIONS, wrong
from engine.resources.reacting.sheet import UNSET, ReactionSheet

MANAGE = "manage_guild"
"""Discord's permission to change what reactions do in a server."""


@dataclass(frozen=True, slots=True)
class State:
    """What is set, and the character it is set for."""

    sheet: ReactionSheet = UNSET
    of: character.State = field(default_factory=character.State)


@dataclass(frozen=True, slots=True)
class MapReactions(Command):
    """Change which emojis do what, in a server or for a character: exactly one of the two is given.

    With `expected` only as long as those fields have these values.
    """

    guild_id: int | None
    character_id: UUID | None
    changes: Mapping[str, Any]
    expected: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stream(self) -> str:
        return f"reactions:guild:{self.guild_id}" if self.character_id is None else f"reactions:character:{self.character_id}"


def evolve(state: State, event: Event) -> State:
    """The state after an event of the mapping, or of its character."""
    match event:
        case ReactionsMapped():
            return replace(state, sheet=_sheet(event))
        case CharacterCreated() | CharacterEdited() | CharacterDeleted() | CharacterRestored():
            return replace(state, of=character.evolve(state.of, event))
        case _:
            return state


def _sheet(event: ReactionsMapped) -> ReactionSheet:
    return ReactionSheet.model_validate({name: getattr(event, name) for name in ReactionSheet.model_fields})


def reads(state: State, command: MapReactions) -> Sequence[str]:
    """The mapping's stream, and the character's."""
    return [command.stream, *([f"character:{command.character_id}"] if command.character_id is not None else [])]


def decide(state: State, command: MapReactions, actor: Actor) -> Sequence[Event]:
    """The events a command makes. Raises Rejected."""
    if (command.guild_id is None) == (command.character_id is None):
        raise Rejected("Say either a server or a character.")
    if command.character_id is None:
        if not actor.may(MANAGE):
            raise Rejected("You need the Manage Server permission to change what reactions do here.")
    elif not (actor.trusted or state.of.editable_by(actor.user_id)):
        raise Rejected("Only whoever owns the character can change what reactions to its replies do.")
    before = values(state.sheet)
    if unknown := [name for name in command.changes if REACTIONS.field(name) is None]:
        raise Rejected(f"A reaction can do nothing called {min(unknown)}.")
    if any(before[name] != expected for name, expected in command.expected.items()):
        raise Rejected("It was changed again since then. Take that change back first.")
    after = before | dict(command.changes)
    for sentence in wrong(REACTIONS, before, after).values():
        raise Rejected(sentence)
    made = changed(state.sheet, after)
    if made == state.sheet:
        return []
    return [ReactionsMapped(**dict(made), guild_id=command.guild_id, character_id=command.character_id, by_user_id=actor.user_id)]


def reverse(before: State, after: State, event: Event) -> MapReactions:
    """The command that takes an event back."""
    if not isinstance(event, ReactionsMapped):
        raise Rejected("This cannot be taken back.")
    old, new = values(before.sheet), values(after.sheet)
    names = [name for name in old if old[name] != new[name]]
    return MapReactions(event.guild_id, event.character_id, {n: old[n] for n in names}, {n: new[n] for n in names})


RULES = Rules("reactions", MapReactions, State(), evolve, reads, decide, reverse)
