"""Rules for characters. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import ValidationError

from engine.actor import Actor
from engine.decide import claim
from engine.decide.command import Command, Holders, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, CharacterRestored
from engine.events.character import sheet as sheet_of
from engine.resources.character import CharacterSheet
from engine.resources.craft import mcp
from engine.resources.field import changed, nested, values
from engine.resources.kinds import CHARACTER, defaults, wrong
from engine.resources.slugs import another, slug_of
from engine.resources.typed import tidy

ALIASES = 20
"""Other names a character may be called by."""
UNKNOWN = "There is no such character, or it is not yours to use."
_SLUG = re.compile(r"[a-z][a-z0-9-]{2,49}")

Changes = Mapping[str, object]
"""Field to its new value: the keys of engine.resources.character."""


@dataclass(frozen=True, slots=True)
class State:
    """One character as its events say, and who holds the short names it is about."""

    id: UUID | None = None
    owner_id: int | None = None
    sheet: CharacterSheet | None = None
    deleted: bool = False
    holders: Holders = field(default_factory=dict)

    @property
    def there(self) -> bool:
        return self.id is not None and not self.deleted

    @property
    def slug(self) -> str:
        return self.sheet.slug if self.sheet else ""

    @property
    def values(self) -> dict[str, object]:
        """Every field that can be edited."""
        return values(self.sheet) if self.sheet else defaults(CHARACTER)

    def usable_by(self, user_id: int) -> bool:
        """Whether this person may talk with it."""
        if not self.there or self.sheet is None:
            return False
        open_to_all = self.sheet.visibility in ("public", "unlisted")
        invited = self.sheet.visibility == "shared" and user_id in self.sheet.shared_with
        return open_to_all or invited or self.editable_by(user_id)

    def editable_by(self, user_id: int) -> bool:
        """Whether this person may change it."""
        return self.owner_id == user_id or (self.sheet is not None and user_id in self.sheet.co_owners)


@dataclass(frozen=True, slots=True)
class CharacterCommand(Command):
    """Base of the commands about one character."""

    character_id: UUID

    @property
    def stream(self) -> str:
        return f"character:{self.character_id}"


@dataclass(frozen=True, slots=True)
class Create(CharacterCommand):
    """Make a character of the giver's. Without a `slug` among the fields it is made of the name.

    `measured` False: of a file, which may hold longer texts than a person may type.
    """

    fields: Changes
    measured: bool = True

    @property
    def queue(self) -> str:
        return _claim(_slug(cleaned(self.fields)))


@dataclass(frozen=True, slots=True)
class Edit(CharacterCommand):
    """Change some fields. With `expected` only as long as those fields have these values."""

    changes: Changes
    expected: Changes = field(default_factory=dict)
    measured: bool = True


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
            return replace(state, id=event.character_id, owner_id=event.owner_id, sheet=sheet_of(event))
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


def cleaned(fields: Changes) -> dict[str, object]:
    """The fields as they will be stored: line ends and margins tidied, runs of white space in names made one space."""
    return {name: _tidy(name, value) if isinstance(value, str) else value for name, value in fields.items()}


def _tidy(name: str, text: str) -> str:
    return " ".join(tidy(text).split()) if name == "name" else tidy(text)


def problems(fields: Changes, *, measured: bool = True) -> dict[str, str]:
    """What is wrong with a new character's fields, by field; nothing when it can be stored. For forms, which show all at once."""
    whole = defaults(CHARACTER) | {"slug": _slug(fields)} | {n: v for n, v in fields.items() if n != "slug"}
    return wrong(CHARACTER, {}, whole) if measured else CHARACTER.problems(whole)


def decide(state: State, command: CharacterCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    match command:
        case Create():
            return _create(state, command, actor)
        case Edit():
            return _edit(_theirs(state, actor), command, actor)
        case AddAlias():
            return _aliases(_theirs(state, actor), command, [*_names(state), command.alias], actor)
        case RemoveAlias():
            kept = [alias for alias in _names(state) if alias.casefold() != command.alias.strip().casefold()]
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
    if not state.editable_by(actor.user_id) and not actor.trusted:
        raise Rejected("Only its owners can change this character.")
    return state


def _create(state: State, command: Create, actor: Actor) -> list[Event]:
    if state.id is not None:
        raise Rejected("This character exists already.")
    fields = cleaned(command.fields)
    _known(fields)
    for sentence in problems(fields, measured=command.measured).values():
        raise Rejected(sentence)
    slug, name = _slug(fields), _claim(_slug(fields))
    if not claim.free_for(state.holders, name, command.character_id):
        raise _taken(slug)
    _granted({}, fields, actor)
    sheet = _checked(nested(CharacterSheet, {**fields, "slug": slug}))
    created = CharacterCreated(character_id=command.character_id, owner_id=actor.user_id, **dict(sheet))
    return [created, *claim.moved(state.holders, command.character_id, None, name)]


def _granted(before: Changes, after: Changes, actor: Actor) -> None:
    """Let the bot's owners alone give tools of MCP servers: what these may do is theirs to answer for. Raises Rejected."""
    had, has = before.get("tools", ()), after.get("tools", ())
    assert isinstance(had, tuple | list)
    assert isinstance(has, tuple | list)
    if not actor.trusted and any(mcp.is_named(str(tool)) and tool not in had for tool in has):
        raise Rejected("Only the bot's owners (OWNER_IDS) give a character tools of an MCP server. Ask one of them.")


def _taken(slug: str) -> Rejected:
    return Rejected(f"There is a character called {slug} already. Choose another short name, such as {another(slug)}.")


def _known(fields: Changes) -> None:
    if unknown := [name for name in fields if CHARACTER.field(name) is None]:
        raise Rejected(f"A character has no field called {min(unknown)}.")


def _checked(tree: dict[str, object]) -> CharacterSheet:
    try:
        return CharacterSheet.model_validate(tree)
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None


def _edit(state: State, command: Edit, actor: Actor) -> list[Event]:
    changes, before = cleaned(command.changes), state.values
    _known(changes)
    if any(before[name] != value for name, value in command.expected.items()):
        raise Rejected("It was changed again since then. Take that change back first.")
    if changes.get("co_owners", before["co_owners"]) != before["co_owners"] and state.owner_id != actor.user_id and not actor.trusted:
        raise Rejected("Only its first owner can name others.")
    after = before | changes
    _granted(before, after, actor)
    for sentence in (wrong(CHARACTER, before, after) if command.measured else CHARACTER.problems(after)).values():
        raise Rejected(sentence)
    return _edited(state, changes, actor)


def _edited(state: State, changes: Changes, actor: Actor) -> list[Event]:
    assert state.id is not None
    assert state.sheet is not None
    try:
        sheet = changed(state.sheet, changes)
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None
    edited = CharacterEdited(character_id=state.id, owner_id=state.owner_id, edited_by=actor.user_id, **dict(sheet))
    if sheet == state.sheet:
        return []
    name = _claim(edited.slug)
    if edited.slug != state.slug and not claim.free_for(state.holders, name, state.id):
        raise _taken(edited.slug)
    return [edited, *claim.moved(state.holders, state.id, _claim(state.slug), name)] if edited.slug != state.slug else [edited]


def _names(state: State) -> tuple[str, ...]:
    return state.sheet.description.aliases if state.sheet else ()


def _aliases(state: State, command: AddAlias | RemoveAlias, wanted: Iterable[str], actor: Actor) -> list[Event]:
    aliases: dict[str, str] = {}
    for alias in (" ".join(text.split()) for text in wanted):
        aliases.setdefault(alias.casefold(), alias)
    if not all(any(c.isalnum() for c in alias) and len(alias) <= 100 for alias in aliases.values()):
        raise Rejected("An alias needs a letter or a digit in it, and at most 100 characters.")
    if len(aliases) > ALIASES:
        raise Rejected(f"A character may have {ALIASES} aliases. Remove one first.")
    if tuple(aliases.values()) == _names(state):
        raise Rejected("It is called so already." if isinstance(command, AddAlias) else "It is not called so.")
    return _edited(state, {"aliases": tuple(aliases.values())}, actor)


def _delete(state: State, actor: Actor) -> list[Event]:
    assert state.id is not None
    deleted = CharacterDeleted(character_id=state.id, owner_id=state.owner_id, slug=state.slug, deleted_by=actor.user_id)
    return [deleted, *claim.moved(state.holders, state.id, _claim(state.slug), None)]


def _restore(state: State, actor: Actor) -> list[Event]:
    if state.id is None or not (state.editable_by(actor.user_id) or actor.trusted):
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
        case CharacterEdited():
            was, now = before.values, after.values
            names = [name for name in now if was[name] != now[name]]
            return Edit(after.id, {n: was[n] for n in names}, {n: now[n] for n in names}, measured=False)
        case CharacterCreated() | CharacterRestored():
            return Delete(after.id)
        case CharacterDeleted():
            return Restore(after.id)
        case _:
            raise Rejected("This cannot be taken back.")


RULES = Rules("character", CharacterCommand, State(), evolve, reads, decide, reverse)
