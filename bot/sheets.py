"""What is set for places and people: simply there, never made or deleted, and edited by the same faces as what people make."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bot.editing import KINDS, Item
from engine.actor import Actor
from engine.decide import channel
from engine.decide.character import UNKNOWN
from engine.decide.command import Command
from engine.decide.places import profile, server
from engine.decide.rejected import Rejected
from engine.execute import Executed, execute
from engine.resources.channel import AS_IT_COMES
from engine.resources.kinds import CHANNEL, Kind
from engine.resources.places.kinds import PROFILE, SERVER
from engine.store import Log
from projections.models import catalog, channels
from projections.models.places import profiles, servers
from projections.models.places.profiles import GENERAL

SHEETS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (CHANNEL, SERVER, PROFILE)}
EVERY: Mapping[str, Kind[Any]] = {**KINDS, **SHEETS}
"""Every kind of thing that people edit."""
NOT_YOURS: Mapping[str, str] = {
    "channel": "You need the Manage Messages permission to change what is set here. `/channel show` shows it.",
    "me": "A profile is changed by the person it is about only. `/me profile` shows yours.",
    "server": "You need the Manage Server permission to change what is set for this server. `/server show` shows it.",
}
"""Kind to the sentence for who may not change one."""
_SHOWN_BY: Mapping[str, tuple[str, ...]] = {
    "channel": ("channels",),
    "server": ("servers",),
    "me": ("profiles",),
    "persona": ("personas",),
}


def id_of(number: int) -> UUID:
    """The id under which faces know the channel or server of this number."""
    return UUID(int=number)


async def one(log: Log, kind: Kind[Any], actor: Actor, item_id: UUID) -> Item:
    """The one that is set for the place the actor is in. Raises Rejected for another place's."""
    if kind is PROFILE:
        return await profile_item(log, actor, actor.user_id, None if item_id == GENERAL else item_id)
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


async def profile_item(log: Log, actor: Actor, person: int, character: UUID | None) -> Item:
    """A person's profile, in general or with a character. Raises Rejected for a character that is not there."""
    title = "Your profile" if actor.user_id == person else f"Profile of {person}"
    async with log.pool.connection() as connection:
        held = await profiles.profile(connection, log.vault, person, character)
        if character is not None:
            known = await catalog.character(connection, log.vault, character)
            if known is None or not (actor.trusted or known.usable_by(actor.user_id)):
                raise Rejected(UNKNOWN)
            title += f" with {known.name}"
    sheet = held.own if character is None else held.with_character
    mine = actor.user_id == person or actor.kind != "person"
    return Item(PROFILE, character or GENERAL, person, sheet, mine, True, lambda new: profile.Edit(person, character, new), title)


async def carry_out(log: Log, actor: Actor, kind: Kind[Any], command: Command, key: UUID) -> Executed:
    """Carry out a change and wait until what shows it has it. Raises Rejected."""
    return await execute(log, actor, command, key, see=_SHOWN_BY.get(kind.name, ("catalog",)))
