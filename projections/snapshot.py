"""Reading several read models as they were at one moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
from psycopg import AsyncConnection, IsolationLevel

from engine.store.pipeline import pipelined


@asynccontextmanager
async def snapshot(connection: AsyncConnection) -> AsyncIterator[None]:
    """A read-only transaction that sees one state of the database from its first statement to its last, in a pipeline: what is asked

    by several tasks goes together.
    """
    # Set on the connection rather than by a statement: the BEGIN carries it, which saves a round trip of every turn.
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)
    try:
        async with pipelined(connection), connection.transaction():
            yield
    finally:
        with suppress(psycopg.Error):
            await connection.set_isolation_level(None)
            await connection.set_read_only(None)
