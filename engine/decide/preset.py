"""Rules for presets, and which of them are the defaults. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from engine.actor import Actor
from engine.decide import claim
from engine.decide.command import Command, Holders, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.preset import PresetCreated, PresetDeleted, PresetEdited, PresetRestored

UNKNOWN = "There is no such preset, or it is not yours."
FIXED = frozenset({"preset_id", "owner_id", "is_default", "is_free_default", "edited_by"})
"""Fields that no edit changes: who it belongs to, and what SetDefault decides."""

Changes = Mapping[str, object]
"""Field to its new value. A dot leads into a group: `parameters.temperature`, `window.max_messages`."""


@dataclass(frozen=True, slots=True)
class State:
    """The presets a command is about as they are, those that were deleted, and who holds the defaults."""

    presets: Mapping[UUID, PresetCreated] = field(default_factory=dict)
    deleted: frozenset[UUID] = frozenset()
    holders: Holders = field(default_factory=dict)

    def there(self, preset_id: UUID | None) -> PresetCreated | None:
        """The preset, unless it was deleted or never made."""
        return self.presets.get(preset_id) if preset_id is not None and preset_id not in self.deleted else None


@dataclass(frozen=True, slots=True)
class PresetCommand(Command):
    """Base of the commands about one preset."""

    preset_id: UUID

    @property
    def stream(self) -> str:
        return f"preset:{self.preset_id}"


@dataclass(frozen=True, slots=True)
class Create(PresetCommand):
    fields: Changes


@dataclass(frozen=True, slots=True)
class Edit(PresetCommand):
    """Change some fields. With `expected` only as long as those fields have these values."""

    changes: Changes
    expected: Changes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetDefault(PresetCommand):
    """This one answers where no other is chosen; with `free` for people without a key."""

    free: bool = False

    @property
    def name(self) -> str:
        return "default:free-preset" if self.free else "default:preset"

    @property
    def flag(self) -> str:
        return "is_free_default" if self.free else "is_default"

    @property
    def queue(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Delete(PresetCommand):
    pass


@dataclass(frozen=True, slots=True)
class Restore(PresetCommand):
    """Take a deletion back."""


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case PresetCreated():
            return replace(state, presets={**state.presets, event.preset_id: event})
        case PresetDeleted():
            return replace(state, deleted=state.deleted | {event.preset_id})
        case PresetRestored():
            return replace(state, deleted=state.deleted - {event.preset_id})
        case _:
            return replace(state, holders=claim.held(state.holders, event))


def reads(state: State, command: PresetCommand) -> Sequence[str]:
    """Its own stream; for a new default also the claim, and the preset that holds it so far."""
    if not isinstance(command, SetDefault):
        return [command.stream]
    holder = state.holders.get(command.name)
    return [command.stream, command.name, *([f"preset:{holder}"] if holder is not None else [])]


def value(preset: PresetCreated, name: str) -> object:
    """The value of a field; a dot leads into a group."""
    found: object = preset
    for part in name.split("."):
        found = getattr(found, part)
    return found


def decide(state: State, command: PresetCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    match command:
        case Create():
            return _create(state, command, actor)
        case Edit():
            return _edit(_theirs(state, command, actor), command, actor)
        case SetDefault():
            return _set_default(state, _theirs(state, command, actor), command, actor)
        case Delete():
            preset = _theirs(state, command, actor)
            if preset.is_default or preset.is_free_default:
                raise Rejected("This is the default. Make another preset the default first.")
            return [PresetDeleted(preset_id=preset.preset_id, owner_id=preset.owner_id, deleted_by=actor.user_id)]
        case Restore():
            return _restore(state, command, actor)
        case _:
            raise AssertionError(type(command).__name__)


def _theirs(state: State, command: PresetCommand, actor: Actor) -> PresetCreated:
    found = state.there(command.preset_id)
    if found is None or not (found.is_global or found.owner_id == actor.user_id or actor.trusted):
        raise Rejected(UNKNOWN)
    if found.is_global and not actor.trusted:
        raise Rejected("This preset is everybody's. Only the bot's owners can change it.")
    return found


def _create(state: State, command: Create, actor: Actor) -> list[Event]:
    if command.preset_id in state.presets:
        raise Rejected("This preset exists already.")
    base = {"preset_id": command.preset_id, "owner_id": actor.user_id}
    made = _with(base, command.fields)
    if made.is_global and not actor.trusted:
        raise Rejected("Only the bot's owners can make a preset for everybody.")
    return [made]


def _edit(preset: PresetCreated, command: Edit, actor: Actor) -> list[Event]:
    if any(value(preset, name) != expected for name, expected in command.expected.items()):
        raise Rejected("It was changed again since then. Take that change back first.")
    made = _with(preset.model_dump(exclude={"edited_by"}), command.changes)
    if made.is_global and not actor.trusted:
        raise Rejected("Only the bot's owners can make a preset for everybody.")
    if not made.is_global and (made.is_default or made.is_free_default):
        raise Rejected("This is the default. Make another preset the default first.")
    return [] if _plain(made) == _plain(preset) else [_edited(made, actor)]


def _plain(preset: PresetCreated) -> dict[str, Any]:
    return preset.model_dump(exclude={"edited_by"})


def _edited(preset: PresetCreated, actor: Actor, **flags: bool) -> PresetEdited:
    return PresetEdited.model_validate(_plain(preset) | flags | {"edited_by": actor.user_id})


def _with(base: dict[str, Any], changes: Changes) -> PresetCreated:
    """The preset with some fields changed. Raises Rejected, naming the field."""
    changed = base
    for name, new in changes.items():
        if name.partition(".")[0] in FIXED:
            raise Rejected(f"{name} cannot be edited.")
        changed = _put(changed, name.split("."), new.strip() if isinstance(new, str) else new)
    try:
        return PresetCreated.model_validate(changed)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "preset"
        raise Rejected(f"{where.removeprefix('parameters.').replace('_', ' ')}: {first['msg'].removeprefix('Value error, ')}.") from None


def _put(group: dict[str, Any], path: Sequence[str], new: object) -> dict[str, Any]:
    name, *rest = path
    return group | {name: _put(group.get(name) or {}, rest, new) if rest else new}


def _set_default(state: State, preset: PresetCreated, command: SetDefault, actor: Actor) -> list[Event]:
    if not actor.trusted:
        raise Rejected("Only the bot's owners can choose the default.")
    if not preset.is_global:
        raise Rejected("Only a preset that is everybody's can be the default.")
    if state.holders.get(command.name) == preset.preset_id:
        raise Rejected("It is the default already.")
    former = state.there(state.holders.get(command.name))
    events: list[Event] = [_edited(preset, actor, **{command.flag: True})]
    if former is not None:
        events.append(_edited(former, actor, **{command.flag: False}))
    return [*events, *claim.moved(state.holders, preset.preset_id, None, command.name)]


def _restore(state: State, command: Restore, actor: Actor) -> list[Event]:
    preset = state.presets.get(command.preset_id)
    if preset is None or not (preset.owner_id == actor.user_id or actor.trusted):
        raise Rejected(UNKNOWN)
    if command.preset_id not in state.deleted:
        raise Rejected("This preset was not deleted.")
    return [PresetRestored(preset_id=preset.preset_id, owner_id=preset.owner_id, restored_by=actor.user_id)]


def reverse(before: State, after: State, event: Event) -> PresetCommand:
    """The command that takes another back. Raises Rejected for one that cannot be."""
    match event:
        case PresetEdited():
            return _reverse_edit(before, after, event.preset_id)
        case PresetCreated() | PresetRestored():
            return Delete(event.preset_id)
        case PresetDeleted():
            return Restore(event.preset_id)
        case _:
            raise Rejected("This cannot be taken back.")


def _reverse_edit(before: State, after: State, preset_id: UUID) -> PresetCommand:
    for name, holder in before.holders.items():
        if after.holders.get(name) != holder:
            return SetDefault(holder, free=name == "default:free-preset")
    old, new = before.presets[preset_id], after.presets[preset_id]
    if before.holders != after.holders:
        raise Rejected("There was no default before. Choose another one instead.")
    changed = [name for name in PresetCreated.model_fields if name not in FIXED and value(old, name) != value(new, name)]
    return Edit(preset_id, {n: value(old, n) for n in changed}, {n: value(new, n) for n in changed})


RULES = Rules("preset", PresetCommand, State(), evolve, reads, decide, reverse)
