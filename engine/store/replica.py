"""Reads what takes long from a streaming replica, so that whoever talks meanwhile does not wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from psycopg import AsyncConnection

from engine import clock
from engine import log as lines
from engine.store import connect
from engine.store.log import Log

PATIENCE_S = 10.0
"""How long a replica is waited for that has not got yet what the primary had when it was asked."""
_LOOK_S = 0.05
_REACHED = "SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false)"
_log = lines.get("replica")


@asynccontextmanager
async def reading(log: Log, address: str | None) -> AsyncIterator[Log]:
    """The log for whoever only reads, for as long as the block lasts: from the replica at this address, else as it is.

    It holds everything that was stored before, one's own message too: a replica that has not got it in PATIENCE_S is not asked.
    """
    async with AsyncExitStack() as stack:
        yield await _of_replica(log, address, stack) if address else log


async def _of_replica(log: Log, address: str, stack: AsyncExitStack) -> Log:
    try:
        pool = await stack.enter_async_context(connect.pool(address, application="tzurot reading", patience=3.0))
        async with log.pool.connection() as primary:
            row = await (await primary.execute("SELECT pg_current_wal_insert_lsn()::text")).fetchone()
        async with pool.connection() as replica:
            if row is not None and await _has(replica, str(row[0])):
                return log.over(pool)
        _log.warning("the replica is behind, or none: what is asked is read from the primary")
    except connect.AWAY as error:
        _log.warning("the replica is away: what is asked is read from the primary", error=type(error).__name__)
    return log


async def _has(replica: AsyncConnection, position: str) -> bool:
    deadline = clock.monotonic() + PATIENCE_S
    while clock.monotonic() < deadline:
        row = await (await replica.execute(_REACHED, (position,))).fetchone()
        if row is None or not row[0] or row[1]:
            return bool(row and row[0])
        await asyncio.sleep(_LOOK_S)
    return False
