"""Following the log as it grows: woken by LISTEN, and polling as well, because a hint may be lost."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import psycopg

from engine import log
from engine.errors import StoreUnavailable
from engine.store import connect, reader
from engine.store.rows import Query, Stored

POLL_SECONDS = 1.0
_log = log.get("tail")


async def follow(dsn: str, after: int, *, batch: int = reader.PAGE, poll: float = POLL_SECONDS) -> AsyncGenerator[list[Stored]]:
    """Batches of all rows after a position, for ever, in order and without gaps. Reconnects by itself."""
    delay = 0.05
    while True:
        try:
            async with await connect.connect(dsn, application="tzurot tail") as connection:
                await connection.execute("LISTEN log")
                delay = 0.05
                while True:
                    async with aclosing(reader.rows(connection, Query(after=after, limit=batch))) as found:
                        rows = [row async for row in found]
                    if rows:
                        after = rows[-1].position
                        yield rows
                    if len(rows) < batch:
                        await _hint(connection, poll)
        except (psycopg.OperationalError, psycopg.InterfaceError, StoreUnavailable) as error:
            _log.warning("postgres is away, will follow again", error=type(error).__name__)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 1.0)


async def _hint(connection: psycopg.AsyncConnection, seconds: float) -> None:
    async with aclosing(connection.notifies(timeout=seconds, stop_after=1)) as notifications:
        async for _ in notifications:
            pass
