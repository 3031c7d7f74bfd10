"""What every face does with the things people edit: find them, show them, and make commands of filled-in forms. Knows no face."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, cast
from uuid import UUID

from engine import ids
from engine.actor import Actor
from engine.decide import character, preset
from engine.decide.command import Command
from engine.decide.places import persona
from engine.decide.rejected import Rejected
from engine.decide.spending.turn_model import Model
from engine.decide.spending.turn_request import Effective, effective
from engine.execute import Executed, execute
from engine.resources.field import FieldSpec, Resource, values
from engine.resources.files import Imported, from_file
from engine.resources.kinds import CHARACTER, PRESET, Kind, defaults, typed
from engine.resources.places.kinds import PERSONA
from engine.resources.preset import PresetSheet, conflict
from engine.resources.slugs import slug_of
from engine.resources.typed import show
from engine.store import Log
from projections import measures
from projections.models import catalog, provider_models
from projections.models.places import last_uses, personas

KINDS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (CHARACTER, PRESET, PERSONA)}
"""What people make."""
_RULES: Mapping[str, Any] = {"character": character, "preset": preset, "persona": persona}
"""Kind to the module that has its commands."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be edited, as it is now."""

    kind: Kind[Any]
    id: UUID
    owner_id: int | None
    sheet: Resource
    editable: bool
    listed: bool
    edit: Callable[[Mapping[str, Any]], Command] | None = None
    """The command that changes fields, of what is simply there (bot.sheets); None for what people make."""
    title: str = ""

    @property
    def values(self) -> dict[str, Any]:
        return values(self.sheet)

    @property
    def name(self) -> str:
        return self.title or str(self.values["name"])

    @property
    def handle(self) -> str:
        """What tells it from others of the same name: a character's short name, the beginning of a preset's id."""
        if self.edit:
            return (str(self.id.int) if self.id.int < 2**64 else str(self.id)[:8]) if self.id.int else "in general"
        return str(self.values.get("slug") or str(self.id)[:8])

    @property
    def calls(self) -> frozenset[str]:
        """By what it may be asked for, case folded."""
        names = (self.name, self.handle, str(self.id), *self.values.get("aliases", ()))
        return frozenset(name.casefold() for name in names)


async def items(log: Log, kind: Kind[Any], actor: Actor) -> list[Item]:
    """What this actor may see of a kind, by name."""
    async with log.pool.connection() as connection:
        if kind is CHARACTER:
            found = [character_item(c, actor) for c in await catalog.characters(connection, log.vault) if not c.erased and _sees(c, actor)]
        elif kind is PERSONA:
            whose = actor.user_id if actor.kind == "person" else None
            found = [_persona(p) for p in await personas.of(connection, log.vault, whose)]
        else:
            found = [_preset(p, actor) for p in await catalog.presets(connection, log.vault) if not p.erased and _sees(p, actor)]
    return sorted(found, key=lambda item: (item.name.casefold(), item.handle))


def _sees(thing: catalog.Character | catalog.Preset, actor: Actor) -> bool:
    return actor.kind != "person" or thing.usable_by(actor.user_id)


def character_item(found: catalog.Character, actor: Actor) -> Item:
    """A character as this actor may see it."""
    editable = found.editable_by(actor.user_id) or actor.trusted
    return Item(CHARACTER, found.id, found.owner_id, found.sheet, editable, actor.kind != "person" or found.listed_for(actor.user_id))


def _preset(found: catalog.Preset, actor: Actor) -> Item:
    own = found.owner_id == actor.user_id and not found.is_global
    return Item(PRESET, found.id, found.owner_id, found.sheet, own or actor.trusted, listed=True)


def _persona(found: personas.Persona) -> Item:
    return Item(PERSONA, found.id, found.owner_id, found.sheet, True, listed=True)


async def last_used(log: Log, item: Item) -> datetime | None:
    """The hour in which a character answered last, or something was answered with this preset or to this persona; None for never."""
    async with log.pool.connection() as connection:
        if item.kind is CHARACTER:
            return await measures.last_used(connection, item.id)
        return await last_uses.last_used(connection, item.id)


def pick(known: Sequence[Item], kind: Kind[Any], text: str, *, hint: str = "") -> Item:
    """The item a name, short name or id means. Raises Rejected when there is none, with the nearest names, or when there are several.

    `hint` says where to look, in the words of the face; without it the command line's.
    """
    wanted = text.strip().removeprefix("@").casefold()
    exact = [item for item in known if wanted in (item.handle.casefold(), str(item.id))]
    found = exact or [item for item in known if wanted in item.calls]
    if not found:
        where = hint or f"`tzurot {kind.name} list` shows what there is."
        raise Rejected(f"There is no such {kind.name}, or it is not yours to use.{_nearest(known, wanted)} {where}")
    if len(found) > 1:
        many = ", ".join(item.handle for item in found[:10])
        raise Rejected(f"Several are called so. Say which by one of: {many}.")
    return found[0]


def _nearest(known: Sequence[Item], wanted: str) -> str:
    """A sentence with up to three handles that look like what was typed; empty when none does. Unlisted ones are not given away."""
    calls = {call: item.handle for item in known if item.listed for call in item.calls}
    near = dict.fromkeys(calls[call] for call in get_close_matches(wanted[:100], calls, n=6, cutoff=0.6))
    return f" Did you mean {' or '.join(f'`{handle}`' for handle in list(near)[:3])}?" if near else ""


async def find(log: Log, kind: Kind[Any], actor: Actor, text: str) -> Item:
    """The same, looked up. Raises Rejected."""
    return pick(await items(log, kind, actor), kind, text)


async def by_id(log: Log, kind: Kind[Any], actor: Actor, item_id: UUID) -> Item | None:
    """One item, if this actor may see it."""
    return next((item for item in await items(log, kind, actor) if item.id == item_id), None)


def creation(kind: Kind[Any], item_id: UUID, fields: Mapping[str, Any], *, measured: bool = True) -> Command:
    """The command that makes one."""
    return cast(Command, _RULES[kind.name].Create(item_id, fields, measured))


def edition(kind: Kind[Any], item_id: UUID, changes: Mapping[str, Any], *, measured: bool = True) -> Command:
    """The command that changes some fields of one."""
    return cast(Command, _RULES[kind.name].Edit(item_id, changes, measured=measured))


def change(item: Item, changes: Mapping[str, Any]) -> Command:
    """The command that changes some fields of something, whatever it is."""
    return item.edit(changes) if item.edit else edition(item.kind, item.id, changes)


def deletion(kind: Kind[Any], item_id: UUID) -> Command:
    """The command that deletes one."""
    return cast(Command, _RULES[kind.name].Delete(item_id))


def restoration(kind: Kind[Any], item_id: UUID) -> Command:
    """The command that brings a deleted one back."""
    return cast(Command, _RULES[kind.name].Restore(item_id))


async def deleted(log: Log, kind: Kind[Any]) -> list[tuple[UUID, str]]:
    """Id and name of what was deleted, the newest last."""
    async with log.pool.connection() as connection:
        if kind is PERSONA:
            return [(one.id, one.sheet.name) for one in await personas.deleted(connection, log.vault)]
        return await catalog.deleted(connection, log.vault, "character" if kind is CHARACTER else "preset")


async def carry_out(log: Log, actor: Actor, command: Command, key: UUID) -> Executed:
    """Carry out a command and wait until lists show it. Raises Rejected."""
    about = isinstance(command, persona.PersonaCommand | persona.Wear)
    return await execute(log, actor, command, key, see=["personas" if about else "catalog"])


async def make_default(log: Log, actor: Actor, item: Item, key: UUID, *, free: bool = False) -> None:
    """Let a preset be everybody's default, or that of people without a key; it is made one for everybody first. Raises Rejected."""
    flag = "is_free_default" if free else "is_default"
    async with log.pool.connection() as connection:
        marked = [p for p in await catalog.presets(connection, log.vault) if p.is_global and getattr(p, flag)]
    if not item.values["is_global"]:
        await carry_out(log, actor, edition(PRESET, item.id, {"is_global": True}), ids.derived("shared", key))
    await carry_out(log, actor, preset.SetDefault(item.id, free, marked[-1].id if marked else None), key)


def fresh(kind: Kind[Any], texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """A filled-in form for a new one: its values, and what is wrong by field. A character's short name is made of its name. Pure."""
    values, wrong = typed(kind, defaults(kind), texts, new=True)
    if kind is CHARACTER and not values["slug"] and values["name"]:
        values["slug"] = slug_of(values["name"])
        wrong.pop("slug", None)
    return values, wrong


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What differs."""
    return {key: value for key, value in after.items() if before.get(key) != value}


async def imported(log: Log, kind: Kind[Any], actor: Actor, tree: object) -> Imported:
    """A file's values as far as this actor may set them here. Raises Wrong."""
    read = from_file(kind, tree)
    found, left = dict(read.values), list(read.left)
    for spec in kind.fields:
        if spec.shown.operator and found.get(spec.key) and (not actor.trusted or spec.key in preset.DEFAULTS):
            del found[spec.key]
            left.append(f"{spec.key}: chosen by the operator")
    if (wanted := found.get("preset_id")) is not None and await by_id(log, PRESET, actor, wanted) is None:
        del found["preset_id"]
        left.append("preset_id: there is no such preset here")
    return Imported(found, read.kept, tuple(left), read.picture, read.card)


def without_name_clash(known: Sequence[Item], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a new character whose short name is free among the known ones: `wren`, else `wren-2`."""
    slug = str(fields.get("slug") or slug_of(str(fields.get("name", ""))))
    taken = {item.handle for item in known}
    free = next(name for n in range(1, len(taken) + 2) if (name := slug if n == 1 else f"{slug[:46]}-{n}") not in taken)
    return {**fields, "slug": free}


def shown(item: Item, *, everything: bool, presets: Mapping[UUID, str] | None = None) -> list[tuple[FieldSpec, str]]:
    """The fields that hold something, as text; with `everything` the empty ones too."""
    found = []
    for spec in item.kind.fields:
        value = item.values[spec.key]
        text = (presets or {}).get(value, show(spec, value)) if spec.kind == "preset" else show(spec, value)
        if text or everything:
            found.append((spec, text))
    return found


def filled(text: str, name: str) -> str:
    """A description's text for people to read: `{{char}}` is the character, `{{user}}` whoever talks to it."""
    for placeholder, words in (("{{user}}", "you"), ("{user}", "you"), ("{{char}}", name), ("{shape}", name), ("{personality}", name)):
        text = text.replace(placeholder, words)
    return text


@dataclass(frozen=True, slots=True)
class Preview:
    """What a preset would send to its model: the effective values, and what to mind."""

    effective: Effective
    model: Model
    conflict: bool

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences, the stored conflict first."""
        both = ("An effort and reasoning tokens are both stored: the effort counts. Save once to clear the other.",)
        return (*(both if self.conflict else ()), *self.effective.warnings)

    @property
    def max_tokens(self) -> str:
        """The effective limit of a reply and where it comes from."""
        sources = {"preset": "set here", "effort": "from the effort", "unlimited": "the model's own"}
        most = self.effective.max_tokens
        return f"{most:,} ({sources[self.effective.max_tokens_source]})" if most else f"no limit sent ({sources['unlimited']})"


async def preview(log: Log, sheet: PresetSheet) -> Preview:
    """What a preset would send, by the function that builds the requests (B6)."""
    async with log.pool.connection() as connection:
        model = (await provider_models.known(connection, [sheet.model]))[sheet.model]
    return Preview(effective(sheet.parameters, model), model, conflict(sheet.parameters))
