"""Where the relay stands, and who may be it: one process at a time, by a lock that ends with its connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psycopg import AsyncConnection

from engine.store import connect

_LOCK = 7_390_511_807
STANDBY_SECONDS = 1.0
"""How often a standby asks whether the active relay is gone."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything up to `position` was published to the incarnation of the stream that was created at `stream_created`."""

    position: int
    stream_created: str | None


class Lead:
    """The right to relay. Every call fails with psycopg.OperationalError once the connection, and so the right, is lost."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def load(self) -> Checkpoint:
        row = await (await self._connection.execute("SELECT position, stream_created FROM relay")).fetchone()
        return Checkpoint(int(row[0]), row[1]) if row else Checkpoint(0, None)

    async def save(self, checkpoint: Checkpoint) -> None:
        await self._connection.execute(
            "UPDATE relay SET position = %s, stream_created = %s, updated_at = now()", (checkpoint.position, checkpoint.stream_created)
        )


@asynccontextmanager
async def lead(dsn: str) -> AsyncIterator[Lead]:
    """Wait until no other process relays, then be the one for as long as the block lasts. Raises StoreUnavailable."""
    async with await connect.connect(dsn, application="tzurot relay", derived=True) as connection:
        while not await _locked(connection):
            await asyncio.sleep(STANDBY_SECONDS)
        yield Lead(connection)


async def _locked(connection: AsyncConnection) -> bool:
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))).fetchone()
    return bool(row and row[0])
