"""Sessions of the console that were logged out before their end. Not a fold of the log: a restart and a second console must know them."""

import asyncio
from contextlib import suppress
from typing import NoReturn

from psycopg import AsyncConnection

from engine.store import connect
from engine.vault import Pool

LOOK_SECONDS = 15.0


async def add(connection: AsyncConnection, session: str, until: int) -> None:
    """End a session that would have lasted until then (seconds since 1970), and forget those that have run out."""
    await connection.execute(
        "INSERT INTO ended_sessions (session, until) VALUES (%s, to_timestamp(%s)) ON CONFLICT DO NOTHING", (session, until)
    )
    await connection.execute("DELETE FROM ended_sessions WHERE until < now()")


async def load(pool: Pool, ended: dict[str, float]) -> None:
    """Add every ended session to `ended`, with the time it would have run out. Nobody needs those that have, but they are few."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT session, extract(epoch FROM until)::float8 FROM ended_sessions WHERE until > now()")
        ended.update(await cursor.fetchall())


async def follow(pool: Pool, ended: dict[str, float]) -> NoReturn:
    """Take up what another console ended. For ever."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        with suppress(*connect.TROUBLE):
            await load(pool, ended)
