"""Turns of one character in one channel come one after the other, in the order of the log; nobody else waits for them."""

import asyncio
from uuid import UUID

from engine import log
from engine.bus import Poison, Reference, Retry
from engine.fault import Category, Fault
from engine.store import connect
from projections.follow import runner
from projections.live import leases
from projections.models import turns
from projections.models.turns import Turn
from worker.turn import turn_events
from worker.turn.generate import CATCH_UP_SECONDS, Behind, generate
from worker.work import Work

BUSY_SECONDS = 1.0
"""When to look again at a conversation that somebody else works on; whoever works on it takes up what waits by itself."""
_log = log.get("conversation")


async def handle(work: Work, reference: Reference) -> None:
    """A turn was requested: work through its conversation until this turn has its end. Raises Retry, Poison, or store trouble."""
    work.hands["busy"] += 1
    try:
        await _handle(work, reference)
    finally:
        work.hands["busy"] -= 1


async def _handle(work: Work, reference: Reference) -> None:
    if reference.channel is None or reference.character is None or reference.turn is None:
        raise Poison("a requested turn without channel, character or turn")
    if not await runner.wait_for(work.log.pool, ("turns",), reference.position, seconds=CATCH_UP_SECONDS):
        raise Retry(BUSY_SECONDS)
    if await work_through(work, reference.channel, reference.character, reference.turn):
        return  # the read model knows this turn, so it was among those that have their end now
    if await _is_pending(work, reference.turn):
        raise Retry(BUSY_SECONDS)


async def work_through(work: Work, channel: int, character: UUID, turn: UUID) -> bool:
    """Bring every pending turn of a conversation to its end, oldest first; False when somebody else is at it.

    `turn` is only noted in the lease.
    """
    async with leases.held(work.log.pool, leases.conversation(channel, character), turn) as lease:
        if lease is None:
            return False
        while pending := await _next(work, channel, character):
            position = await _to_its_end(work, pending, lease.lost)
            if not await runner.wait_for(work.log.pool, ("turns",), position, seconds=CATCH_UP_SECONDS):
                raise Behind("the read model of turns is late")
            if lease.lost.is_set():
                return False
        return True


async def _to_its_end(work: Work, turn: Turn, lost: asyncio.Event) -> int:
    try:
        return await generate(work, turn, lost)
    except connect.TROUBLE:
        raise
    except Exception as error:
        # One turn that breaks us must neither block its conversation nor leave a person without a word.
        _log.error("turn broke", turn=str(turn.turn), exc_info=error)
        fault = Fault(Category.INTERNAL, technical_details=f"{type(error).__name__} in the worker")
        event = turn_events.failed(turn, fault, attempt=turn.attempts + 1)
        return (await turn_events.end(work, turn, event)).positions[0]


async def _next(work: Work, channel: int, character: UUID) -> Turn | None:
    async with work.log.pool.connection() as connection:
        return await turns.next_pending(connection, channel, character)


async def _is_pending(work: Work, turn: UUID) -> bool:
    async with work.log.pool.connection() as connection:
        found = await turns.get(connection, turn)
    return found is not None and found.status == "pending"
