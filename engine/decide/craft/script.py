"""Rules for regex scripts of characters and servers (I14). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from engine.actor import Actor
from engine.decide import character
from engine.decide.command import Command, Rules
from engine.decide.places.server import MANAGE
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, CharacterRestored
from engine.events.script import ScriptsSet
from engine.resources.craft.kinds import SCRIPT
from engine.resources.craft.script import ScriptScope, ScriptSheet
from engine.resources.field import changed, nested, values
from engine.resources.kinds import defaults, wrong

MOST = 50
"""Scripts of one character or server."""


@dataclass(frozen=True, slots=True)
class State:
    """The scripts in their order, and the character they are about."""

    scripts: tuple[ScriptSheet, ...] = ()
    about: character.State = field(default_factory=character.State)


@dataclass(frozen=True, slots=True)
class ScriptCommand(Command):
    """Base of the commands about the scripts of a character or a server."""

    scope: ScriptScope
    target: str

    @property
    def stream(self) -> str:
        return f"scripts:{self.scope}:{self.target}"


@dataclass(frozen=True, slots=True)
class PutScript(ScriptCommand):
    """Add a script, or change the fields of the one of that name."""

    name: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RemoveScript(ScriptCommand):
    name: str


@dataclass(frozen=True, slots=True)
class SetScripts(ScriptCommand):
    """Have these scripts and no others."""

    scripts: tuple[ScriptSheet, ...]


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case ScriptsSet():
            return replace(state, scripts=event.scripts)
        case CharacterCreated() | CharacterEdited() | CharacterDeleted() | CharacterRestored():
            return replace(state, about=character.evolve(state.about, event))
        case _:
            return state


def reads(_: State, command: ScriptCommand) -> Sequence[str]:
    """Its own stream, and that of the character."""
    return [command.stream, *([f"character:{command.target}"] if command.scope == "character" else [])]


def decide(state: State, command: ScriptCommand, actor: Actor) -> Sequence[Event]:
    """The event; none when all is as wished. Raises Rejected."""
    if command.scope == "character":
        if not state.about.there or not (state.about.editable_by(actor.user_id) or actor.trusted):
            raise Rejected(character.UNKNOWN)
    elif not actor.trusted and not (actor.may(MANAGE) and str(actor.guild_id) == command.target):
        raise Rejected("You need the Manage Server permission to set scripts for a whole server.")
    after = _after(state, command)
    if len(after) > MOST:
        raise Rejected(f"A character or a server may have {MOST} scripts. Remove one first.")
    if after == state.scripts:
        return []
    return [ScriptsSet(scope=command.scope, target=command.target, set_by=actor.user_id, scripts=after)]


def _after(state: State, command: ScriptCommand) -> tuple[ScriptSheet, ...]:
    match command:
        case PutScript(name=name):
            at = _index(state, name)
            old = state.scripts[at] if at is not None else None
            new = _made(old, {"name": name, **command.changes})
            return (*state.scripts, new) if at is None else (*state.scripts[:at], new, *state.scripts[at + 1 :])
        case RemoveScript(name=name):
            if (at := _index(state, name)) is None:
                raise Rejected("There is no script of that name.")
            return (*state.scripts[:at], *state.scripts[at + 1 :])
        case SetScripts(scripts=scripts):
            return scripts
        case _:
            raise AssertionError(type(command).__name__)


def _index(state: State, name: str) -> int | None:
    wanted = name.strip().casefold()
    return next((at for at, script in enumerate(state.scripts) if script.name.casefold() == wanted), None)


def _made(old: ScriptSheet | None, changes: Mapping[str, Any]) -> ScriptSheet:
    before = values(old) if old is not None else {}
    after = (before or defaults(SCRIPT)) | dict(changes)
    for sentence in wrong(SCRIPT, before, after).values():
        raise Rejected(sentence)
    try:
        return changed(old, changes) if old is not None else ScriptSheet.model_validate(nested(ScriptSheet, after))
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None


def reverse(before: State, after: State, event: Event) -> SetScripts:
    """The command that takes another back."""
    assert isinstance(event, ScriptsSet)
    return SetScripts(event.scope, event.target, before.scripts)


RULES = Rules("scripts", ScriptCommand, State(), evolve, reads, decide, reverse)
