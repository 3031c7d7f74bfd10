"""Following the log as it grows: woken by LISTEN, and polling as well, because a hint may be lost."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

import psycopg

from engine import log
from engine.errors import StoreUnavailable
from engine.store import connect, reader
from engine.store.rows import Query, Stored

POLL_SECONDS = 1.0
_log = log.get("tail")


async def follow(
    dsn: str,
    after: int,
    *,
    batch: int = reader.PAGE,
    poll: float = POLL_SECONDS,
    linger: float = 0.0,
    urgent: Collection[str] = (),
) -> AsyncGenerator[list[Stored]]:
    """Batches of all rows after a position, for ever, in order and without gaps. Reconnects by itself.

    `linger`: seconds to wait for what comes right after rows none of which is of an `urgent` type: fewer and larger batches. Who is
    behind by a whole batch does not wait.
    """
    delay = 0.05
    while True:
        try:
            async with await connect.connect(dsn, application="tzurot tail") as connection:
                await connection.execute("LISTEN log")
                delay = 0.05
                while True:
                    rows = await _rows(connection, after, batch)
                    if linger and 0 < len(rows) < batch and not any(row.type in urgent for row in rows):
                        await asyncio.sleep(linger)
                        rows += await _rows(connection, rows[-1].position, batch)
                    if rows:
                        after = rows[-1].position
                        yield rows
                    if len(rows) < batch:
                        await _hint(connection, poll)
        except (psycopg.OperationalError, psycopg.InterfaceError, StoreUnavailable) as error:
            _log.warning("postgres is away, will follow again", error=type(error).__name__)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 1.0)


async def _rows(connection: psycopg.AsyncConnection, after: int, limit: int) -> list[Stored]:
    async with aclosing(reader.rows(connection, Query(after=after, limit=limit))) as found:
        return [row async for row in found]


async def _hint(connection: psycopg.AsyncConnection, seconds: float) -> None:
    async with aclosing(connection.notifies(timeout=seconds, stop_after=1)) as notifications:
        async for _ in notifications:
            pass
