"""Which processes are alive. Not a fold of the log: it says what is, not what happened."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from engine import clock, ids
from engine.vault import Pool

FRESH_SECONDS = 15.0
"""A process whose last beat is older counts as gone; it beats every five seconds."""

_INSTANCE = ids.random_id()
_STARTED = clock.now()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A running process as it last described itself; `age_s` by Postgres' clock."""

    process: str
    instance: UUID
    pid: int
    host: str
    version: str
    started_at: datetime
    age_s: float
    details: dict[str, Any]


async def beat(pool: Pool, process: str, details: Mapping[str, object] | None = None) -> None:
    """Say that this process is alive; one that is new forgets those that have not said so for an hour."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "INSERT INTO heartbeats (process, instance, pid, host, version, started_at, beat_at, details)"
            " VALUES (%s, %s, %s, %s, %s, %s, now(), %s)"
            " ON CONFLICT (process, instance) DO UPDATE SET beat_at = now(), details = excluded.details RETURNING xmax = 0",
            (process, _INSTANCE, os.getpid(), socket.gethostname(), version("tzurot"), _STARTED, Jsonb(dict(details or {}))),
        )
        if await cursor.fetchone() == (True,):
            await connection.execute("DELETE FROM heartbeats WHERE beat_at < now() - interval '1 hour'")


async def leave(pool: Pool, process: str) -> None:
    """Take this process off the list: it ends on purpose."""
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM heartbeats WHERE process = %s AND instance = %s", (process, _INSTANCE))


async def alive(connection: AsyncConnection, *, within: float = FRESH_SECONDS) -> list[Heartbeat]:
    """The processes that beat within so many seconds, by name and start."""
    statement = (
        "SELECT process, instance, pid, host, version, started_at, extract(epoch FROM now() - beat_at)::float8 AS age_s, details"
        " FROM heartbeats WHERE beat_at > now() - make_interval(secs => %s) ORDER BY process, started_at"
    )
    async with connection.cursor(row_factory=class_row(Heartbeat)) as cursor:
        await cursor.execute(statement, (within,))
        return await cursor.fetchall()
