"""Reads from the log what the inspector shows of a turn."""

from uuid import UUID

from engine import clock, ids
from engine.decide import reply
from engine.events.base import Event
from engine.events.reply import ChunkDelivered, ReplyContinued, ReplyRegenerated
from engine.events.turn import GenerationStarted
from engine.store import Log, Recorded
from projections import said
from projections.inspecting.inspection import Inspection, inspect
from projections.models import catalog
from projections.models.places import servers
from projections.models.turns import Turn


async def events_of(log: Log, turn: Turn) -> list[Recorded[Event]]:
    """Every event about a turn, its message and its reply, in the order of the log; of the reply's other turns only their ends."""
    acts = await log.stream(reply.stream(turn.message_id, turn.character))
    told = [
        *await log.stream(f"message:{turn.message_id}"),
        *acts,
        *await log.stream(f"opinion:{turn.message_id}:{turn.character}"),
        *await log.stream(f"turn:{turn.turn}"),
        *await log.stream(f"delivery:{turn.turn}"),
    ]
    others = [one.event.turn_id for one in acts if isinstance(one.event, ReplyRegenerated | ReplyContinued)]
    others = [one for one in dict.fromkeys((reply.first_turn(turn.message_id, turn.character), *others)) if one != turn.turn]
    told += [end for one in others if (end := await log.find(ids.terminal(one))) is not None]
    for message in dict.fromkeys(one.event.message_id for one in told if isinstance(one.event, ChunkDelivered)):
        told += await log.stream(f"reaction:{message}")
    return sorted({one.id: one for one in told}.values(), key=lambda one: one.position)


async def of_turn(log: Log, turn: Turn) -> Inspection:
    """Everything about a turn, as every face shows it."""
    events = await events_of(log, turn)
    people = {getattr(one.event, name) for one in events for name in ("user_id", "by_user_id") if hasattr(one.event, name)}
    async with log.pool.connection() as connection:
        known = await said.names(connection, log.vault, people)
        named = await servers.names(connection, log.vault, [turn.channel])
    return inspect(
        turn.turn,
        events,
        await _names(log, events),
        called=lambda person: f"{known[person]} ({person})" if person in known else str(person),
        place=lambda channel: f"#{named.channels[channel]} ({channel})" if channel in named.channels else str(channel),
        now=clock.now(),
    )


async def _names(log: Log, events: list[Recorded[Event]]) -> dict[UUID, str]:
    wanted = {one.event.preset_id for one in events if isinstance(one.event, GenerationStarted) and one.event.preset_id}
    async with log.pool.connection() as connection:
        found = {one.id: one.name for one in await catalog.characters(connection, log.vault)}
        if wanted:
            found |= {one.id: one.name for one in await catalog.presets(connection, log.vault) if one.id in wanted}
    return found
