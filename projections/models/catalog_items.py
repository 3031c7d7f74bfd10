"""Characters and presets as the catalogue gives them, opened, and what follows from them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from engine.decide.cascade import UNSET, Resolved, Tier, Unset, resolve
from engine.events.character import Description
from engine.events.preset import Parameters, Window
from engine.resources.character import CharacterSheet
from engine.resources.preset import PresetSheet


@dataclass(frozen=True, slots=True)
class Character:
    """A character, opened. `erased`: its owner was erased, and its description with them.

    `position` is that of its last change, `made` that of its making.
    """

    id: UUID
    owner_id: int | None
    position: int
    sheet: CharacterSheet
    erased: bool = False
    subject: str = "system"
    made: int = 0

    @property
    def name(self) -> str:
        return self.sheet.description.name

    @property
    def slug(self) -> str:
        return self.sheet.slug

    @property
    def visibility(self) -> str:
        return self.sheet.visibility

    @property
    def preset(self) -> UUID | None:
        return self.sheet.preset_id

    @property
    def description(self) -> Description:
        return self.sheet.description

    @property
    def users(self) -> frozenset[int] | None:
        """Who may talk with it besides its owner; None: everybody."""
        return users(self.sheet)

    def usable_by(self, user_id: int) -> bool:
        """Whether this person may talk with it."""
        return self.users is None or user_id in self.users or self.owner_id == user_id

    def listed_for(self, user_id: int) -> bool:
        """Whether lists and suggestions show it to this person."""
        return self.usable_by(user_id) and (self.visibility != "unlisted" or self.editable_by(user_id))

    def editable_by(self, user_id: int) -> bool:
        """Whether this person may change it: its owner and co-owners."""
        return self.owner_id == user_id or user_id in self.sheet.co_owners


@dataclass(frozen=True, slots=True)
class Preset:
    """A model configuration, opened. `erased`: its owner was erased, and all that was typed with them."""

    id: UUID
    owner_id: int | None
    position: int
    sheet: PresetSheet
    erased: bool = False

    @property
    def name(self) -> str:
        return self.sheet.name

    @property
    def model(self) -> str:
        return self.sheet.model

    @property
    def fallback_models(self) -> tuple[str, ...]:
        return self.sheet.fallback_models

    @property
    def is_global(self) -> bool:
        return self.sheet.is_global

    @property
    def is_default(self) -> bool:
        return self.sheet.is_default

    @property
    def is_free_default(self) -> bool:
        return self.sheet.is_free_default

    @property
    def parameters(self) -> Parameters:
        return self.sheet.parameters

    @property
    def window(self) -> Window:
        return self.sheet.window

    @property
    def show_thinking(self) -> bool:
        return self.sheet.show_thinking

    @property
    def stream(self) -> bool:
        return self.sheet.stream

    def usable_by(self, user_id: int) -> bool:
        """Whether this person may choose it."""
        return self.is_global or self.owner_id == user_id


@dataclass(frozen=True, slots=True)
class Defaults:
    """The presets chosen as defaults: one person's own, and everybody's."""

    own: UUID | None
    everybody: UUID | None


@dataclass(frozen=True, slots=True)
class Override:
    """A preset chosen for one place, and by whom."""

    preset: UUID
    by: int


@dataclass(frozen=True, slots=True)
class Overrides:
    """The presets chosen for the places a conversation is in: by the person for the character, for the channel, for the server."""

    with_character: Override | None = None
    channel: Override | None = None
    server: Override | None = None

    @property
    def presets(self) -> tuple[UUID, ...]:
        return tuple(one.preset for one in (self.with_character, self.channel, self.server) if one is not None)


NONE = Overrides()


def decided(
    known: Sequence[Preset], character: UUID | None, defaults: Defaults, user_id: int, overrides: Overrides = NONE
) -> Resolved[Preset] | None:
    """Which of the known presets answers, and the tier that chose it; None when no tier says anything.

    A person's own for the character, else their default, else the channel's, the server's, the character's, else everybody's, else the
    newest marked so. A choice whose preset is gone, or is not there for whoever chose it to use, says nothing.
    """
    found = {preset.id: preset for preset in known}
    marked = next((preset for preset in reversed(known) if preset.is_global and preset.is_default), None)

    def usable(wanted: UUID | None, by: int) -> Preset | Unset:
        preset = found.get(wanted) if wanted is not None else None
        return preset if preset is not None and preset.usable_by(by) else UNSET

    def chosen_for(override: Override | None) -> Preset | Unset:
        return usable(override.preset, override.by) if override is not None else UNSET

    said: dict[Tier, Preset | Unset] = {
        "admin": (found.get(defaults.everybody) if defaults.everybody else None) or marked or UNSET,
        "character": (found.get(character) if character else None) or UNSET,
        "server": chosen_for(overrides.server),
        "channel": chosen_for(overrides.channel),
        "user": usable(defaults.own, user_id),
        "user+character": usable(overrides.with_character.preset if overrides.with_character else None, user_id),
    }
    return resolve(said) if any(preset is not UNSET for preset in said.values()) else None


def chosen(known: Sequence[Preset], character: UUID | None, defaults: Defaults, user_id: int) -> Preset | None:
    """Which of the known presets answers outside every place."""
    found = decided(known, character, defaults, user_id)
    return found.value if found is not None else None


def users(sheet: CharacterSheet) -> frozenset[int] | None:
    """Who may talk with a character besides its owner; None: everybody."""
    if sheet.visibility in ("public", "unlisted"):
        return None
    return frozenset(sheet.co_owners) | frozenset(sheet.shared_with if sheet.visibility == "shared" else ())
