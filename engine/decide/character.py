"""Rules for characters. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import ValidationError

from engine.actor import Actor
from engine.decide import claim
from engine.decide.command import Command, Holders, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.character import (
    CharacterCreated,
    CharacterDeleted,
    CharacterEdited,
    CharacterRestored,
    Description,
    Visibility,
)

LIMITS: Mapping[str, int] = {"name": 100, "slug": 50, "info": 4000, "traits": 4000, "tone": 500, "greeting": 1000, "avatar_url": 2000}
"""What a person may type, in characters."""
ALIASES = 10
"""Other names a character may be called by."""
UNKNOWN = "There is no such character, or it is not yours to use. `/character list` shows who there is."
_SLUG = re.compile(r"[a-z][a-z0-9-]{2,49}")
_SETTINGS = frozenset({"slug", "visibility", "preset_id"})

Changes = Mapping[str, object]
"""Field to its new value: the fields of Description, and `slug`, `visibility`, `preset_id`."""


@dataclass(frozen=True, slots=True)
class State:
    """One character as its events say, and who holds the short names it is about."""

    id: UUID | None = None
    owner_id: int | None = None
    slug: str = ""
    visibility: Visibility = "private"
    preset_id: UUID | None = None
    description: Description = field(default_factory=lambda: Description(name="?"))
    deleted: bool = False
    holders: Holders = field(default_factory=dict)

    @property
    def there(self) -> bool:
        return self.id is not None and not self.deleted

    def value(self, name: str) -> object:
        """The value of a field that can be edited."""
        return getattr(self if name in _SETTINGS else self.description, name)

    def usable_by(self, user_id: int) -> bool:
        """Whether this person may talk with it."""
        return self.there and (self.visibility == "public" or self.owner_id == user_id)


@dataclass(frozen=True, slots=True)
class CharacterCommand(Command):
    """Base of the commands about one character."""

    character_id: UUID

    @property
    def stream(self) -> str:
        return f"character:{self.character_id}"


@dataclass(frozen=True, slots=True)
class Create(CharacterCommand):
    """Make a character of the giver's. Without a `slug` among the fields it is made of the name."""

    fields: Changes
    visibility: Visibility = "private"

    @property
    def queue(self) -> str:
        return _claim(_slug(cleaned(self.fields)))


@dataclass(frozen=True, slots=True)
class Edit(CharacterCommand):
    """Change some fields. With `expected` only as long as those fields have these values."""

    changes: Changes
    expected: Changes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddAlias(CharacterCommand):
    alias: str


@dataclass(frozen=True, slots=True)
class RemoveAlias(CharacterCommand):
    alias: str


@dataclass(frozen=True, slots=True)
class Delete(CharacterCommand):
    pass


@dataclass(frozen=True, slots=True)
class Restore(CharacterCommand):
    """Take a deletion back."""


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case CharacterCreated() | CharacterEdited():
            return replace(
                state,
                id=event.character_id,
                owner_id=event.owner_id,
                slug=event.slug,
                visibility=event.visibility,
                preset_id=event.preset_id,
                description=event.description,
            )
        case CharacterDeleted():
            return replace(state, deleted=True)
        case CharacterRestored():
            return replace(state, deleted=False)
        case _:
            return replace(state, holders=claim.held(state.holders, event))


def reads(state: State, command: CharacterCommand) -> Sequence[str]:
    """Its own stream, and those of the short names it has and wants."""
    wanted = _wanted_slug(state, command)
    return [command.stream, *(_claim(slug) for slug in (state.slug, wanted) if _SLUG.fullmatch(slug))]


def _wanted_slug(state: State, command: CharacterCommand) -> str:
    match command:
        case Create():
            return _slug(cleaned(command.fields))
        case Edit() if "slug" in command.changes:
            return str(cleaned(command.changes)["slug"])
        case _:
            return state.slug


def _claim(slug: str) -> str:
    return f"slug:{slug}"


def _slug(fields: Changes) -> str:
    return str(fields.get("slug") or "") or slug_of(str(fields.get("name") or ""))


def slug_of(name: str) -> str:
    """A slug made of a name: `Wren Halloway` -> `wren-halloway`; padded when the name has too little to make one of."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-").lstrip("0123456789-")[:50].rstrip("-")
    return slug if len(slug) >= 3 else f"character-{slug}".rstrip("-")


def cleaned(fields: Changes) -> dict[str, object]:
    """The fields as they will be stored: line ends and margins tidied, runs of white space in names made one space."""
    return {name: _tidy(name, value) if isinstance(value, str) else value for name, value in fields.items()}


def _tidy(name: str, text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    return " ".join(text.split()) if name == "name" else text


def problems(fields: Changes) -> dict[str, str]:
    """What is wrong with a whole set of fields, by field; nothing when it can be stored. For forms, which show all at once."""
    wrong = {
        name: f"The {name.replace('_', ' ')} may have {limit:,} characters; this has {len(text):,}."
        for name, limit in LIMITS.items()
        if isinstance(text := fields.get(name, ""), str) and len(text) > limit
    }
    if not any(c.isalnum() for c in str(fields.get("name", ""))):
        wrong.setdefault("name", "A character needs a name with a letter or a digit in it, so that it can be called.")
    if not fields.get("info") and not fields.get("traits"):
        wrong.setdefault("info", "Say at least in one sentence who this character is.")
    if not _SLUG.fullmatch(_slug(fields)):
        wrong.setdefault("slug", "The short name takes 3 to 50 small letters, digits and hyphens, and begins with a letter.")
    return wrong


def decide(state: State, command: CharacterCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    match command:
        case Create():
            return _create(state, command, actor)
        case Edit():
            return _edit(_theirs(state, actor), command, actor)
        case AddAlias():
            return _aliases(_theirs(state, actor), command, [*state.description.aliases, command.alias], actor)
        case RemoveAlias():
            kept = [alias for alias in state.description.aliases if alias.casefold() != command.alias.strip().casefold()]
            return _aliases(_theirs(state, actor), command, kept, actor)
        case Delete():
            return _delete(_theirs(state, actor), actor)
        case Restore():
            return _restore(state, actor)
        case _:
            raise AssertionError(type(command).__name__)


def _theirs(state: State, actor: Actor) -> State:
    """The state, when the character is there and the giver's to change. Raises Rejected."""
    if not state.there or not (state.usable_by(actor.user_id) or actor.trusted):
        raise Rejected(UNKNOWN)
    if state.owner_id != actor.user_id and not actor.trusted:
        raise Rejected("Only its owner can change this character.")
    return state


def _create(state: State, command: Create, actor: Actor) -> list[Event]:
    if state.id is not None:
        raise Rejected("This character exists already.")
    fields = cleaned(command.fields)
    for sentence in problems(fields).values():
        raise Rejected(sentence)
    slug, name = _slug(fields), _claim(_slug(fields))
    if not claim.free_for(state.holders, name, command.character_id):
        raise _taken(slug)
    created = CharacterCreated(
        character_id=command.character_id,
        owner_id=actor.user_id,
        slug=slug,
        visibility=command.visibility,
        description=_description({n: value for n, value in fields.items() if n not in _SETTINGS}),
    )
    return [created, *claim.moved(state.holders, command.character_id, None, name)]


def _taken(slug: str) -> Rejected:
    return Rejected(f"There is a character called {slug} already. Choose another short name.")


def _description(fields: Changes) -> Description:
    try:
        return Description.model_validate(fields)
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None


def _edit(state: State, command: Edit, actor: Actor) -> list[Event]:
    changes = cleaned(command.changes)
    unknown = changes.keys() - _SETTINGS - Description.model_fields.keys()
    if unknown:
        raise Rejected(f"A character has no field called {min(unknown)}.")
    if any(state.value(name) != value for name, value in command.expected.items()):
        raise Rejected("It was changed again since then. Take that change back first.")
    before = state.description.model_dump() | {"slug": state.slug}
    wrong_already = problems(before)
    for name, sentence in problems(before | changes).items():
        if name in changes or name not in wrong_already:
            raise Rejected(sentence)
    return _edited(state, changes, actor)


def _edited(state: State, changes: Changes, actor: Actor) -> list[Event]:
    assert state.id is not None
    if changes.get("visibility", "private") not in ("public", "private"):
        raise Rejected("A character is either public or private.")
    settings = {name: changes.get(name, state.value(name)) for name in _SETTINGS}
    description = _description(dict(state.description) | {n: v for n, v in changes.items() if n not in _SETTINGS})
    edited = CharacterEdited.model_validate(
        {"character_id": state.id, "owner_id": state.owner_id, "edited_by": actor.user_id, "description": description} | settings
    )
    if evolve(state, edited) == state:
        return []
    name = _claim(edited.slug)
    if edited.slug != state.slug and not claim.free_for(state.holders, name, state.id):
        raise _taken(edited.slug)
    return [edited, *claim.moved(state.holders, state.id, _claim(state.slug), name)] if edited.slug != state.slug else [edited]


def _aliases(state: State, command: AddAlias | RemoveAlias, wanted: Iterable[str], actor: Actor) -> list[Event]:
    aliases: dict[str, str] = {}
    for alias in (" ".join(text.split()) for text in wanted):
        aliases.setdefault(alias.casefold(), alias)
    if not all(any(c.isalnum() for c in alias) and len(alias) <= LIMITS["name"] for alias in aliases.values()):
        raise Rejected(f"An alias needs a letter or a digit in it, and at most {LIMITS['name']} characters.")
    if len(aliases) > ALIASES:
        raise Rejected(f"A character may have {ALIASES} aliases. Remove one first.")
    if tuple(aliases.values()) == state.description.aliases:
        raise Rejected("It is called so already." if isinstance(command, AddAlias) else "It is not called so.")
    return _edited(state, {"aliases": tuple(aliases.values())}, actor)


def _delete(state: State, actor: Actor) -> list[Event]:
    assert state.id is not None
    deleted = CharacterDeleted(character_id=state.id, owner_id=state.owner_id, slug=state.slug, deleted_by=actor.user_id)
    return [deleted, *claim.moved(state.holders, state.id, _claim(state.slug), None)]


def _restore(state: State, actor: Actor) -> list[Event]:
    if state.id is None or (state.owner_id != actor.user_id and not actor.trusted):
        raise Rejected(UNKNOWN)
    if not state.deleted:
        raise Rejected("This character was not deleted.")
    if not claim.free_for(state.holders, _claim(state.slug), state.id):
        raise Rejected(f"Another character is called {state.slug} by now. Rename that one first.")
    restored = CharacterRestored(character_id=state.id, owner_id=state.owner_id, slug=state.slug, restored_by=actor.user_id)
    return [restored, *claim.moved(state.holders, state.id, None, _claim(state.slug))]


def reverse(before: State, after: State, event: Event) -> CharacterCommand:
    """The command that takes an event back. Raises Rejected for one that cannot be."""
    assert after.id is not None
    match event:
        case CharacterCreated() | CharacterRestored():
            return Delete(after.id)
        case CharacterDeleted():
            return Restore(after.id)
        case CharacterEdited():
            names = [*sorted(_SETTINGS), *Description.model_fields]
            changed = [name for name in names if before.value(name) != after.value(name)]
            return Edit(after.id, {n: before.value(n) for n in changed}, {n: after.value(n) for n in changed})
        case _:
            raise Rejected("This cannot be taken back.")


RULES = Rules("character", CharacterCommand, State(), evolve, reads, decide, reverse)
