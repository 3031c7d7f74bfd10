"""What is behind a reply, for those who may know, and what is kept of a message in a person's memory."""

from bot import inspection
from bot.reacting import may_look, memory_id, remembered
from engine.actor import Actor
from engine.decide.rejected import Rejected
from engine.decide.remembering.memory import MemoryPlace, Remember
from engine.store import Log
from projections import inspector, replies
from projections.inspecting import gather
from projections.replies import Shown

MOST = 3
"""Turns of one message that are told at once."""


async def looked_into(log: Log, actor: Actor, text: str) -> str:
    """The record of what a link, an id or a reference names. Raises Rejected: there is none, or this person may not see it."""
    found = await inspector.find(log, text)
    allowed = [one for one in found if await may_look(log, actor, Shown(one.message_id, one.character, one.turn, one.channel))]
    if not allowed:
        raise Rejected(
            "There is no such turn, or it is not yours to look into: only whoever asked for a reply, or owns its character, may."
        )
    told = ["\n".join(inspection.lines(await gather.of_turn(log, turn))) for turn in allowed[:MOST]]
    return "\n\n".join([*told, *([f"And {len(allowed) - MOST} more."] if len(allowed) > MOST else [])])


async def remembering(log: Log, actor: Actor, message_id: int, channel: int | None, guild: int | None) -> Remember:
    """The command that keeps a message, or what a reply says now, in this person's memory. Pure but for a look at what it is."""
    async with log.pool.connection() as connection:
        shown = await replies.of_message(connection, message_id)
    if shown is not None:
        return remembered(actor, shown, guild, "discord")
    place = MemoryPlace("discord", channel, guild)
    return Remember(memory_id(actor.user_id, message_id), actor.user_id, place, message=message_id)
