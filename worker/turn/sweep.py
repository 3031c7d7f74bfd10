"""Turns whose wake-up was lost: found in the read model and taken up all the same."""

import asyncio

from engine import clock, log
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
    """How many may be swept at once: none while half of our hands are full, for then what waits has its wake-up in the queue behind."""
    return AT_ONCE if work.hands["busy"] * 2 < work.settings.worker_concurrency else 0


async def _forgotten(work: Work, running: set[str], left: int) -> list[Turn]:
    if left <= 0:
        return []
    try:
        async with work.log.pool.connection() as connection:
            pending = await turns.pending(connection, limit=200)
        return choose(pending, running | (await leases.taken(work.log.pool) if pending else set()), left)
    except Exception as error:  # whatever it was, the next sweep looks again
        _log.warning("cannot look for forgotten turns", error=type(error).__name__)
        return []


def choose(pending: list[Turn], taken: set[str], most: int) -> list[Turn]:
    """The oldest turn of each conversation nobody works on, if it is old enough, at most `most` of them."""
    chosen: dict[str, Turn] = {}
    for turn in pending:
        age = (clock.now() - turn.requested_at).total_seconds()
        if age >= OLDER_THAN_SECONDS and _name(turn) not in taken:
            chosen.setdefault(_name(turn), turn)
    return list(chosen.values())[:most]


async def _take_up(work: Work, turn: Turn) -> None:
    _log.info("taken up without a wake-up", turn=str(turn.turn))
    try:
        await work_through(work, turn.channel, turn.character, turn.turn)
    except Exception as error:  # the turn is still pending, so the next sweep finds it
        _log.warning("swept turn did not end", turn=str(turn.turn), exc_info=error)


def _name(turn: Turn) -> str:
    return leases.conversation(turn.channel, turn.character)
