"""Rules for what is set for a server. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.server import ServerEdited
from engine.events.server import sheet as sheet_of
from engine.resources.field import changed, values
from engine.resources.kinds import wrong
from engine.resources.places.kinds import SERVER
from engine.resources.places.server import AS_IT_COMES, ServerSheet

MANAGE = "manage_guild"
"""Discord's permission to change what holds in a whole server."""


@dataclass(frozen=True, slots=True)
class State:
    """What is set."""

    sheet: ServerSheet = AS_IT_COMES


@dataclass(frozen=True, slots=True)
class Edit(Command):
    """Change what is set for a server. With `expected` only as long as those fields have these values."""

    guild_id: int
    changes: Mapping[str, Any]
    expected: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stream(self) -> str:
        return f"server:{self.guild_id}"


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    return replace(state, sheet=sheet_of(event)) if isinstance(event, ServerEdited) else state


def reads(_: State, command: Edit) -> Sequence[str]:
    """Its own stream."""
    return [command.stream]


def decide(state: State, command: Edit, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    if not actor.trusted and not (actor.may(MANAGE) and actor.guild_id == command.guild_id):
        raise Rejected("You need the Manage Server permission to change what is set for a whole server.")
    before = values(state.sheet)
    if unknown := [name for name in command.changes if SERVER.field(name) is None]:
        raise Rejected(f"A server has no field called {min(unknown)}.")
    if any(before[name] != expected for name, expected in command.expected.items()):
        raise Rejected("It was changed again since then. Take that change back first.")
    after = before | dict(command.changes)
    for sentence in wrong(SERVER, before, after).values():
        raise Rejected(sentence)
    made = changed(state.sheet, after)
    return [] if made == state.sheet else [ServerEdited(guild_id=command.guild_id, by_user_id=actor.user_id, **dict(made))]


def reverse(before: State, after: State, event: Event) -> Edit:
    """The command that takes another back."""
    assert isinstance(event, ServerEdited)
    old, new = values(before.sheet), values(after.sheet)
    names = [name for name in old if old[name] != new[name]]
    return Edit(event.guild_id, {n: old[n] for n in names}, {n: new[n] for n in names})


RULES = Rules("server", Edit, State(), evolve, reads, decide, reverse)
