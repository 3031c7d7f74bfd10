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
from engine.events.preset import DefaultChosen, PresetCreated, PresetDeleted, PresetEdited, PresetRestored
from engine.events.preset import sheet as sheet_of
from engine.resources.field import changed, nested, values
from engine.resources.kinds import PRESET, defaults, wrong
from engine.resources.preset import PresetSheet, settled
from engine.resources.typed import tidy

UNKNOWN = "There is no such preset, or it is not yours."
DEFAULTS = frozenset({"is_default", "is_free_default"})
"""Fields that no edit changes: SetDefault decides them."""

Changes = Mapping[str, Any]
"""Field to its new value: the keys of engine.resources.preset."""


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
    """Make a preset of the giver's. `measured` False: of a file, which may hold longer texts than a person may type."""

    fields: Changes
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Edit(PresetCommand):
    """Change some fields. With `expected` only as long as those fields have these values."""

    changes: Changes
    expected: Changes = field(default_factory=dict)
    measured: bool = True


@dataclass(frozen=True, slots=True)
class SetDefault(PresetCommand):
    """This one answers where no other is chosen; with `free` for people without a key.

    `former` names the default so far where nobody chose it: that of the first start.
    """

    free: bool = False
    former: UUID | None = None

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
    holder = state.holders.get(command.name) or command.former
    return [command.stream, command.name, *([f"preset:{holder}"] if holder is not None else [])]


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
    before = defaults(PRESET)
    after = _settled({}, before | cleaned(command.fields), measured=command.measured)
    _allowed(before, after, actor)
    return [PresetCreated(preset_id=command.preset_id, owner_id=actor.user_id, **dict(_sheet(nested(PresetSheet, after))))]


def _edit(preset: PresetCreated, command: Edit, actor: Actor) -> list[Event]:
    sheet = sheet_of(preset)
    before = values(sheet)
    if any(before[name] != expected for name, expected in command.expected.items()):
        raise Rejected("It was changed again since then. Take that change back first.")
    after = _settled(before, before | cleaned(command.changes), measured=command.measured)
    _allowed(before, after, actor)
    if not after["is_global"] and (preset.is_default or preset.is_free_default):
        raise Rejected("This is the default. Make another preset the default first.")
    try:
        made = changed(sheet, after)
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None
    return [] if made == sheet else [_edited(preset, actor, **dict(made))]


def cleaned(fields: Changes) -> dict[str, Any]:
    """The fields as they will be stored. Raises Rejected for one that no preset has."""
    if unknown := [name for name in fields if PRESET.field(name) is None]:
        raise Rejected(f"A preset has no field called {min(unknown)}.")
    return {name: " ".join(tidy(value).split()) if name in ("name", "model") else value for name, value in fields.items()}


def _settled(before: Changes, after: dict[str, Any], *, measured: bool) -> dict[str, Any]:
    """The values after fields that exclude each other agree. Raises Rejected with what to change."""
    after = settled(before, after) if measured else after
    for sentence in (wrong(PRESET, before, after) if measured else PRESET.problems(after)).values():
        raise Rejected(sentence)
    return after


def _allowed(before: Changes, after: Changes, actor: Actor) -> None:
    for name in DEFAULTS:
        if before[name] != after[name]:
            raise Rejected("Which preset is the default cannot be edited. Choose one with `preset default`.")
    if after["is_global"] and not actor.trusted:
        raise Rejected("Only the bot's owners can make a preset for everybody.")


def _sheet(tree: dict[str, Any]) -> PresetSheet:
    try:
        return PresetSheet.model_validate(tree)
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None


def _edited(preset: PresetCreated, actor: Actor, **fields: Any) -> PresetEdited:
    base = {"preset_id": preset.preset_id, "owner_id": preset.owner_id, "edited_by": actor.user_id}
    return PresetEdited.model_validate(base | dict(sheet_of(preset)) | fields)


def _set_default(state: State, preset: PresetCreated, command: SetDefault, actor: Actor) -> list[Event]:
    if not actor.trusted:
        raise Rejected("Only the bot's owners can choose the default.")
    if not preset.is_global:
        raise Rejected("Only a preset that is everybody's can be the default.")
    if state.holders.get(command.name) == preset.preset_id:
        raise Rejected("It is the default already.")
    former = state.there(state.holders.get(command.name) or command.former)
    events: list[Event] = [_edited(preset, actor, **{command.flag: True})]
    if former is not None and former.preset_id != preset.preset_id:
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
    old, new = (values(sheet_of(state.presets[preset_id])) for state in (before, after))
    if before.holders != after.holders:
        raise Rejected("There was no default before. Choose another one instead.")
    names = [name for name in old if name not in DEFAULTS and old[name] != new[name]]
    return Edit(preset_id, {n: old[n] for n in names}, {n: new[n] for n in names}, measured=False)


RULES = Rules("preset", PresetCommand, State(), evolve, reads, decide, reverse)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which preset was chosen as a default, and the presets it is about."""

    preset_id: UUID | None = None
    presets: State = field(default_factory=State)


@dataclass(frozen=True, slots=True)
class ChooseDefault(Command):
    """Choose which preset answers where a character has none: for one person, or with `user_id` None for everybody.

    With `preset_id` None the choice is taken back.
    """

    user_id: int | None
    preset_id: UUID | None

    @property
    def stream(self) -> str:
        return f"default:preset:{'everybody' if self.user_id is None else self.user_id}"


def _evolve_chosen(state: Chosen, event: Event) -> Chosen:
    if isinstance(event, DefaultChosen):
        return replace(state, preset_id=event.preset_id)
    return replace(state, presets=evolve(state.presets, event))


def _reads_chosen(_: Chosen, command: ChooseDefault) -> Sequence[str]:
    return [command.stream, *([f"preset:{command.preset_id}"] if command.preset_id is not None else [])]


def _choose(state: Chosen, command: ChooseDefault, actor: Actor) -> Sequence[Event]:
    if not (actor.trusted or command.user_id == actor.user_id):
        raise Rejected("Only the bot's owners can choose for others.")
    found = state.presets.there(command.preset_id)
    if command.preset_id is not None and (found is None or not (found.is_global or found.owner_id == actor.user_id)):
        raise Rejected(UNKNOWN)
    if command.user_id is None and found is not None and not found.is_global:
        raise Rejected("Only a preset for everybody can be everybody's default.")
    if state.preset_id == command.preset_id:
        return []
    return [DefaultChosen(user_id=command.user_id, preset_id=command.preset_id, chosen_by=actor.user_id)]


def _reverse_chosen(before: Chosen, after: Chosen, event: Event) -> ChooseDefault:
    assert isinstance(event, DefaultChosen)
    return ChooseDefault(event.user_id, before.preset_id)


DEFAULT_RULES = Rules("default", ChooseDefault, Chosen(), _evolve_chosen, _reads_chosen, _choose, _reverse_chosen)
