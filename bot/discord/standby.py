"""Several bot processes: one leads, which is connected to Discord and delivers; the others wait until it is gone.

What people said meanwhile is fetched by whoever leads next, as after any start.
"""

import asyncio
from contextlib import suppress

from engine import log, process
from engine.store.right import Right
from engine.vault import Pool
from projections.live import heartbeats

SAID_S = 3.0
"""A bot that was just ended may need a moment to let go; a longer wait is told."""
_log = log.get("discord.standby")


async def led(right: Right, pool: Pool, stop: asyncio.Event) -> bool:
    """Wait until this process is the one that leads; False when `stop` is set before."""
    gaining, stopping = asyncio.create_task(right.gain()), asyncio.create_task(stop.wait())
    waiting = asyncio.create_task(_stand_by(pool))
    try:
        await asyncio.wait((gaining, stopping), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return False
        gaining.result()
        return True
    finally:
        for task in (gaining, stopping, waiting):
            task.cancel()
        await asyncio.gather(gaining, stopping, waiting, return_exceptions=True)
        if stop.is_set():
            with suppress(Exception):  # on the way out: the row goes stale by itself
                await heartbeats.leave(pool, "bot")


async def _stand_by(pool: Pool) -> None:
    await asyncio.sleep(SAID_S)
    _log.info("another process leads; standing by")
    process.ready("Discord: standing by, another process leads")
    await process.beat(lambda: heartbeats.beat(pool, "bot", {"discord": "standing by"}))
