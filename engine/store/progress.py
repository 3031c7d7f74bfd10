"""How far read models have followed the log."""

import asyncio
from collections.abc import Sequence

from engine import clock
from engine.vault import Pool


async def wait_for(pool: Pool, names: Sequence[str], position: int, *, seconds: float = 10.0) -> bool:
    """Wait until these serving projections have digested `position`; False when they have not in time."""
    deadline, pause = clock.monotonic() + seconds, 0.002
    statement = "SELECT count(*) FROM projections WHERE role = 'live' AND name = ANY(%s) AND position >= %s"
    while True:
        async with pool.connection() as connection:
            row = await (await connection.execute(statement, (list(names), position))).fetchone()
        if row and row[0] == len(names):
            return True
        if clock.monotonic() >= deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.05)
