"""What is set for places and people: simply there, never made or deleted, and edited by the same faces as what people make."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bot.editing import KINDS, Item
from engine.actor import Actor
from engine.decide import channel
from engine.decide.command import Command
from engine.decide.rejected import Rejected
from engine.execute import Executed, execute
from engine.resources.channel import AS_IT_COMES
from engine.resources.kinds import CHANNEL, Kind
from engine.store import Log
from projections.models import channels

SHEETS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (CHANNEL,)}
EVERY: Mapping[str, Kind[Any]] = {**KINDS, **SHEETS}
"""Every kind of thing that people edit."""
NOT_YOURS: Mapping[str, str] = {"channel": "You need the Manage Messages permission to change what is set here. `/channel show` shows it."}
"""Kind to the sentence for who may not change one."""
_SHOWN_BY: Mapping[str, tuple[str, ...]] = {"channel": ("channels",)}


def id_of(number: int) -> UUID:
    """The id under which faces know the channel or server of this number."""
    return UUID(int=number)


async def one(log: Log, kind: Kind[Any], actor: Actor, item_id: UUID) -> Item:
    """The one that is set for the place the actor is in. Raises Rejected for another place's."""
    if actor.kind == "person" and item_id.int != actor.channel_id:
        raise Rejected("That belongs to another channel. Use `/channel edit` there.")
    return await channel_item(log, actor, channel.Where(item_id.int, actor.guild_id, "discord"))


async def channel_item(log: Log, actor: Actor, where: channel.Where) -> Item:
    """What is set for a channel. One where nothing is set is as it comes."""
    async with log.pool.connection() as connection:
        sheet = await channels.sheet_of(connection, where.channel_id) or AS_IT_COMES
    editable = where.guild_id is None or actor.may(channel.MANAGE)
    return Item(CHANNEL, id_of(where.channel_id), None, sheet, editable, True, lambda new: channel.Edit(where, new), "This channel")


async def carry_out(log: Log, actor: Actor, kind: Kind[Any], command: Command, key: UUID) -> Executed:
    """Carry out a change and wait until what shows it has it. Raises Rejected."""
    return await execute(log, actor, command, key, see=_SHOWN_BY.get(kind.name, ("catalog",)))
