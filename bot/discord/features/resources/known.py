"""What of a kind a person on Discord may see, call and change: lists, suggestions and the one that a text means."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from bot import editing, sheets
from bot.discord.answers import Choices, Interaction
from bot.discord.context import Context
from bot.discord.limits import CHOICE, CHOICES
from bot.editing import Item
from engine.actor import Actor
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER, PRESET, Kind


async def items(context: Context, kind: Kind[Any], actor: Actor) -> list[Item]:
    """What this person may use, by name. Characters are kept in memory: asking for them costs what changed."""
    if kind is CHARACTER:
        usable = await context.roster.usable_by(actor.user_id)
        return [editing.character_item(one, actor) for one in usable]
    return await editing.items(context.log, kind, actor)


async def find(context: Context, kind: Kind[Any], actor: Actor, text: str) -> Item:
    """The one a text means. Raises Rejected, with the nearest names."""
    wanted = text.strip().removeprefix(context.settings.bot_mention_char)
    return editing.pick(await items(context, kind, actor), kind, wanted, hint=f"`/{kind.name} browse` shows what there is.")


async def by_id(context: Context, kind: Kind[Any], actor: Actor, item_id: UUID) -> Item:
    """The one with this id. Raises Rejected."""
    if kind.name in sheets.SHEETS:
        return await sheets.one(context.log, kind, actor, item_id)
    found = next((one for one in await items(context, kind, actor) if one.id == item_id), None)
    if found is None:
        raise Rejected(f"This {kind.name} is gone, or not yours to use. `/{kind.name} browse` shows what there is.")
    return found


async def own(context: Context, kind: Kind[Any], actor: Actor, item_id: UUID) -> Item:
    """The same, when the person may change it. Raises Rejected."""
    return _theirs(await by_id(context, kind, actor, item_id))


async def find_own(context: Context, kind: Kind[Any], actor: Actor, text: str) -> Item:
    """The one a text means, when the person may change it. Raises Rejected."""
    return _theirs(await find(context, kind, actor, text))


def _theirs(item: Item) -> Item:
    if not item.editable and item.edit:
        raise Rejected(sheets.NOT_YOURS[item.kind.name])
    if not item.editable:
        raise Rejected(f"Only its owners can change this {item.kind.name}. `/{item.kind.name} view` shows it.")
    return item


async def preset_names(context: Context, kind: Kind[Any], actor: Actor) -> Mapping[UUID, str]:
    """The presets that a field of this kind can be, by id; none for a kind without such a field."""
    if not any(spec.kind == "preset" for spec in kind.fields):
        return {}
    return {item.id: f"{item.name} ({item.values['model']})" for item in await items(context, PRESET, actor)}


def suggestions(known: Iterable[Item], typed: str, *, editable: bool) -> Choices:
    """At most 25 suggestions for what was typed: label to the text that means it. Only what lists show, and what may be changed."""
    wanted = typed.strip().casefold()
    hits = [
        one for one in known if (one.editable if editable else one.listed) and (not wanted or any(wanted in call for call in one.calls))
    ]
    return {f"{one.name} ({one.handle})"[:CHOICE]: one.handle for one in hits[:CHOICES]}


async def suggest(context: Context, interaction: Interaction, kind: Kind[Any], typed: str, *, editable: bool) -> Choices:
    """What of a kind the person may use, or change, that fits what was typed."""
    return suggestions(await items(context, kind, context.actor(interaction)), typed, editable=editable)
