"""What is set for places and people: simply there, never made or deleted, and edited by the same faces as what people make."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bot.editing import KINDS, Item
from engine.actor import Actor
from engine.decide import channel
from engine.decide.command import Command
from engine.decide.places import server
from engine.decide.rejected import Rejected
from engine.execute import Executed, execute
from engine.resources.channel import AS_IT_COMES
from engine.resources.kinds import CHANNEL, SERVER, Kind
from engine.store import Log
from projections.models import channels
from projections.models.places import servers

SHEETS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (CHANNEL, SERVER)}
EVERY: Mapping[str, Kind[Any]] = {**KINDS, **SHEETS}
"""Every kind of thing that people edit."""
NOT_YOURS: Mapping[str, str] = {
    "channel": "You need the Manage Messages permission to change what is set here. `/channel show` shows it.",
    "server": "You need the Manage Server permission to change what is set for this server. `/server show` shows it.",
}
"""Kind to the sentence for who may not change one."""
_SHOWN_BY: Mapping[str, tuple[str, ...]] = {"channel": ("channels",), "server": ("servers",)}


def id_of(number: int) -> UUID:
    """The id under which faces know the channel or server of this number."""
    return UUID(int=number)


async def one(log: Log, kind: Kind[Any], actor: Actor, item_id: UUID) -> Item:
    """The one that is set for the place the actor is in. Raises Rejected for another place's."""
    place = actor.guild_id if kind is SERVER else actor.channel_id
    if actor.kind == "person" and item_id.int != place:
        raise Rejected(f"That belongs to another {kind.name}. Use `/{kind.name} edit` there.")
    if kind is SERVER:
        return await server_item(log, actor, item_id.int)
    return await channel_item(log, actor, channel.Where(item_id.int, actor.guild_id, "discord"))


async def channel_item(log: Log, actor: Actor, where: channel.Where) -> Item:
    """What is set for a channel. One where nothing is set is as it comes."""
    async with log.pool.connection() as connection:
        sheet = await channels.sheet_of(connection, where.channel_id) or AS_IT_COMES
    editable = where.guild_id is None or actor.may(channel.MANAGE)
    return Item(CHANNEL, id_of(where.channel_id), None, sheet, editable, True, lambda new: channel.Edit(where, new), "This channel")


async def server_item(log: Log, actor: Actor, guild_id: int) -> Item:
    """What is set for a server. One where nothing is set is as it comes."""
    async with log.pool.connection() as connection:
        sheet = (await servers.server(connection, guild_id)).sheet
    editable = actor.trusted or actor.may(server.MANAGE)
    return Item(SERVER, id_of(guild_id), None, sheet, editable, True, lambda new: server.Edit(guild_id, new), "This server")


async def carry_out(log: Log, actor: Actor, kind: Kind[Any], command: Command, key: UUID) -> Executed:
    """Carry out a change and wait until what shows it has it. Raises Rejected."""
    return await execute(log, actor, command, key, see=_SHOWN_BY.get(kind.name, ("catalog",)))
