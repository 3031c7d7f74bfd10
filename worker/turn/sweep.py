"""Turns whose wake-up was lost: found in the read model, one per conversation, and taken up all the same."""

import asyncio
from datetime import timedelta

from engine import clock, log
from engine.bus import Retry
from projections.live import leases
from projections.models import turns
from projections.models.turns import Turn
from worker.turn.conversation import work_through
from worker.work import Work

EVERY_SECONDS = 2.0
OLDER_THAN_SECONDS = 3.0
"""Younger ones have their wake-up still under way."""
AT_ONCE = 4
_log = log.get("sweep")


async def sweep(work: Work) -> None:
    """Look every EVERY_SECONDS, for ever."""
    running: dict[str, asyncio.Task[None]] = {}
    try:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            running = {name: task for name, task in running.items() if not task.done()}
            for turn in await _forgotten(work, set(running), room(work) - len(running)):
                running[_name(turn)] = asyncio.create_task(_take_up(work, turn), name="swept turn")
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


def room(work: Work) -> int:
    """How many may be swept at once: one while half of our places are taken, for then most of what waits has its wake-up in the queue."""
    return AT_ONCE if work.conversations.busy * 2 < work.settings.worker_concurrency else 1


async def _forgotten(work: Work, running: set[str], left: int) -> list[Turn]:
    """The oldest turn of each conversation nobody works on, if it is old enough, at most `left` of them."""
    if left <= 0:
        return []
    try:
        before = clock.now() - timedelta(seconds=OLDER_THAN_SECONDS)
        async with work.log.pool.connection() as connection:
            if not await turns.waiting(connection, before=before, limit=1):
                return []  # most often, and that is all there is to ask
        taken = running | await leases.taken(work.log.pool)
        async with work.log.pool.connection() as connection:
            waiting = await turns.waiting(connection, before=before, limit=len(taken) + left)
        return [turn for turn in waiting if _name(turn) not in taken][:left]
    except Exception as error:  # whatever it was, the next sweep looks again
        _log.warning("cannot look for forgotten turns", error=type(error).__name__)
        return []


async def _take_up(work: Work, turn: Turn) -> None:
    _log.info("taken up without a wake-up", turn=str(turn.turn))
    try:
        await work_through(work, turn.channel, turn.character, turn.turn, turn.position)
    except Retry:
        return  # the read model is late; the next sweep finds the turn again
    except Exception as error:  # the turn is still pending, so the next sweep finds it
        _log.warning("swept turn did not end", turn=str(turn.turn), exc_info=error)


def _name(turn: Turn) -> str:
    return leases.conversation(turn.channel, turn.character)
