"""Keeps read models in step with the log: checkpoint and rows move in one transaction, or not at all."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from engine import clock, log
from engine.errors import StoreError, StoreUnavailable
from engine.store import Stored, connect, tail
from engine.vault import Pool
from projections.base import Projection, sql

_log = log.get("projections")


class Stopped(StoreError):
    """A projection met an event it cannot digest and stands still before it; the others go on."""


class TakenOver(StoreError):
    """Another process moved this projection's checkpoint: that one owns it now."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a projection stands. `role` is live or building; `problem` says why it is stopped."""

    name: str
    role: str
    version: int
    schema: str
    position: int
    status: str
    problem: dict[str, object] | None


async def install(connection: AsyncConnection, projection: Projection) -> int:
    """Create the serving tables when there are none; returns the position they stand at."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('projection ' || %s))", (projection.name,))
        row = await (await connection.execute("SELECT position FROM projections WHERE name = %s AND role = 'live'", (projection.name,))).fetchone()
        if row is not None:
            return int(row[0])
        await create_tables(connection, projection, projection.name)
        await connection.execute(
            "INSERT INTO projections (name, role, version, schema_name) VALUES (%s, 'live', %s, %s)", (projection.name, projection.version, projection.name)
        )
        return 0


async def create_tables(connection: AsyncConnection, projection: Projection, schema: str) -> None:
    """An empty set of the projection's tables in a schema of its own."""
    await connection.execute(sql("CREATE SCHEMA {schema}", schema))
    await connection.execute(sql(projection.ddl, schema))


async def apply(connection: AsyncConnection, projection: Projection, rows: Sequence[Stored], *, role: str = "live", schema: str | None = None) -> None:
    """One batch in one transaction. Raises TakenOver when the checkpoint is not just before the batch, Stopped on poison."""
    first, last = rows[0].position, rows[-1].position
    async with connection.transaction():
        moved = await connection.execute(
            "UPDATE projections SET position = %s, updated_at = now() WHERE name = %s AND role = %s AND position = %s", (last, projection.name, role, first - 1)
        )
        if moved.rowcount == 0:
            raise TakenOver(f"projection {projection.name} is not at position {first - 1}")
        wanted = [row for row in rows if row.type in projection.types]
        if wanted:
            await projection.apply(connection, schema or projection.name, wanted)


async def run(dsn: str, projection: Projection) -> None:
    """Follow the log for ever. Returns only when the projection is stopped by poison or another process took it over."""
    while True:
        try:
            async with await connect.connect(dsn, application=f"tzurot {projection.name}") as connection:
                after = await install(connection, projection)
                async with aclosing(tail.follow(dsn, after)) as batches:
                    async for rows in batches:
                        await _digest(connection, projection, rows)
        except TakenOver as error:
            _log.warning("taken over, will look again", projection=projection.name, reason=str(error))
            await asyncio.sleep(1.0)
        except (psycopg.OperationalError, psycopg.InterfaceError, StoreUnavailable) as error:
            _log.warning("postgres is away, will go on", projection=projection.name, error=type(error).__name__)
            await asyncio.sleep(0.3)
        except Stopped:
            return


async def _digest(connection: AsyncConnection, projection: Projection, rows: Sequence[Stored]) -> None:
    try:
        await apply(connection, projection, rows)
    except (psycopg.OperationalError, psycopg.InterfaceError, TakenOver):
        raise
    except Exception as error:
        if len(rows) == 1:
            await _stop(connection, projection, rows[0], error)
            raise Stopped(projection.name) from error
        for row in rows:
            await _digest(connection, projection, [row])


async def _stop(connection: AsyncConnection, projection: Projection, row: Stored, error: Exception) -> None:
    problem = {"position": row.position, "type": row.type, "event_id": str(row.id), "error": type(error).__name__, "at": clock.now().isoformat()}
    await connection.execute(
        "UPDATE projections SET status = 'stopped', problem = %s WHERE name = %s AND role = 'live'", (Jsonb(problem), projection.name)
    )
    _log.error("projection stopped", projection=projection.name, **problem)


async def progress(connection: AsyncConnection) -> list[Progress]:
    """Where every projection stands."""
    cursor = await connection.execute("SELECT name, role, version, schema_name, position, status, problem FROM projections ORDER BY name, role")
    return [Progress(*row) for row in await cursor.fetchall()]


async def wait_for(pool: Pool, names: Sequence[str], position: int, *, seconds: float = 10.0) -> bool:
    """Wait until these serving projections have digested `position`; False when they have not in time."""
    deadline, pause = clock.monotonic() + seconds, 0.001
    while True:
        async with pool.connection() as connection:
            row = await (
                await connection.execute("SELECT count(*) FROM projections WHERE role = 'live' AND name = ANY(%s) AND position >= %s", (list(names), position))
            ).fetchone()
        if row and row[0] == len(names):
            return True
        if clock.monotonic() >= deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.05)
