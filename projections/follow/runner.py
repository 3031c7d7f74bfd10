"""Keeps read models in step with the log: checkpoint and rows move in one transaction, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from engine import clock, log
from engine.errors import StoreError, StoreUnavailable, TzurotError
from engine.failpoints import failpoint
from engine.store import Stored, connect, reader, sqlstate, tail
from engine.store.progress import ask_from as ask_from
from engine.store.progress import wait_for as wait_for
from projections.base import Projection
from projections.follow import aside, forms, rebuild

FAR = 20_000
"""Further behind than this, a projection catches up in big steps."""
_log = log.get("projections")


class Stopped(StoreError):
    """A projection met an event it cannot digest and stands still before it; the others go on."""


class TakenOver(StoreError):
    """Another process moved this projection's checkpoint: that one owns it now."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a projection stands. `role` is live or building; `problem` says why it is stopped; equal `changed` are equal tables."""

    name: str
    role: str
    version: int
    schema: str
    position: int
    status: str
    problem: dict[str, object] | None
    changed: str = ""


async def install(connection: AsyncConnection, projection: Projection) -> int:
    """Create the serving tables when there are none; returns the position they stand at."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('projection ' || %s))", (projection.name,))
        row = await (
            await connection.execute("SELECT position FROM projections WHERE name = %s AND role = 'live'", (projection.name,))
        ).fetchone()
        if row is not None:
            return int(row[0])
        await create_tables(connection, projection, projection.name)
        await connection.execute(
            "INSERT INTO projections (name, role, version, schema_name, fingerprint, forms) VALUES (%s, 'live', %s, %s, %s, %s)",
            (projection.name, projection.version, projection.name, projection.fingerprint, forms.of(projection)),
        )
        return 0


async def create_tables(connection: AsyncConnection, projection: Projection, schema: str) -> None:
    """An empty set of the projection's tables in a schema of its own."""
    await rebuild.create(connection, projection, schema)


async def apply(
    connection: AsyncConnection,
    projection: Projection,
    rows: Sequence[Stored],
    *,
    role: str = "live",
    schema: str | None = None,
    skipped: frozenset[int] = frozenset(),
) -> None:
    """One batch in one transaction. Raises TakenOver when the checkpoint is not just before the batch or the tables are of another make,

    UnknownEvent when it holds an event this program does not know, whether or not the projection reads that one: another program
    may read it for the same tables.
    """
    forms.check(rows)
    wanted = [row for row in rows if row.type in projection.types and row.position not in skipped]
    async with connection.transaction():
        await _advance(connection, projection, rows[0].position - 1, rows[-1].position, role, changes=bool(wanted))
        if wanted:
            await projection.apply(connection, schema or projection.name, wanted)
        failpoint("projection.before_commit")


async def _advance(
    connection: AsyncConnection, projection: Projection, before: int, last: int, role: str = "live", *, changes: bool = True
) -> None:
    moved = await connection.execute(
        "UPDATE projections SET position = %s, status = 'running', problem = NULL, updated_at = now(),"
        " changed = CASE WHEN %s THEN gen_random_uuid() ELSE changed END"
        " WHERE name = %s AND role = %s AND position = %s AND fingerprint = %s",
        (last, changes, projection.name, role, before, projection.fingerprint),
    )
    if moved.rowcount == 0:
        raise TakenOver(f"projection {projection.name} is not at position {before}, or was built by another program")


Work = Callable[[str, AsyncConnection, Projection], Awaitable[None]]


async def run(dsn: str, projection: Projection) -> None:
    """Follow the log for ever. After poison it stands still until `resume` or `skip`; the other projections go on."""
    while True:
        await _patiently(dsn, projection, _follow)


async def bring_up(dsn: str, projection: Projection, *, stopped: bool = False) -> None:
    """Tables, version and position as they should be, near the head of the log. `stopped`: it waits for an operator first."""
    if stopped:
        await _resumed(dsn, projection)
    await _patiently(dsn, projection, _prepare)


async def _patiently(dsn: str, projection: Projection, work: Work) -> None:
    while True:
        try:
            async with await connect.connect(dsn, application=f"tzurot {projection.name}", derived=True) as connection:
                return await work(dsn, connection, projection)
        except TakenOver as error:
            _log.warning("taken over, will look again", projection=projection.name, reason=str(error))
            await asyncio.sleep(1.0)
        except (psycopg.OperationalError, psycopg.InterfaceError, StoreUnavailable) as error:
            if sqlstate.lasts(error):
                _log.error("projection cannot run", projection=projection.name, error=type(error).__name__)
                await asyncio.sleep(5.0)
                continue
            _log.warning("postgres is away, will go on", projection=projection.name, error=type(error).__name__)
            await asyncio.sleep(0.3)
        except rebuild.Busy:
            await asyncio.sleep(1.0)
        except Stopped:
            await _resumed(dsn, projection)
        except StoreError as error:
            _log.error("projection cannot run", projection=projection.name, reason=str(error))
            await asyncio.sleep(5.0)


async def _prepare(dsn: str, connection: AsyncConnection, projection: Projection) -> None:
    after = await install(connection, projection)
    if await forms.outdated(connection, projection):
        _log.info("building a new version beside the serving one", projection=projection.name, version=projection.version)
        await rebuild.rebuild(dsn, [projection])
        after = await install(connection, projection)
    await _catch_up(connection, projection, after)


async def _follow(dsn: str, connection: AsyncConnection, projection: Projection) -> None:
    await _prepare(dsn, connection, projection)
    skipped = await rebuild.skips(connection, projection.name, 0, 2**62)
    async with aclosing(tail.follow(dsn, await install(connection, projection))) as batches:
        async for rows in batches:
            await digest(connection, projection, rows, skipped)


async def _catch_up(connection: AsyncConnection, projection: Projection, after: int) -> None:
    """A long way behind, go in big steps. What cannot be digested so is left to the small ones, which find the culprit."""
    head = await reader.head(connection)
    while head - after > FAR:
        until = min(after + rebuild.STEP, head)
        try:
            async with connection.transaction():
                await _advance(connection, projection, after, until)
                await rebuild.load(connection, projection, projection.name, after, until)
        except TakenOver:
            raise
        except Exception as error:  # the short way is a shortcut: the long one tells what is wrong
            if aside.is_trouble(error):
                raise
            _log.warning("going in small steps", projection=projection.name, after=after, error=type(error).__name__)
            return
        after = until


async def _resumed(dsn: str, projection: Projection) -> None:
    """Wait until an operator lets the projection go on."""
    while True:
        await asyncio.sleep(1.0)
        try:
            async with await connect.connect(dsn, application=f"tzurot {projection.name}") as connection:
                row = await (
                    await connection.execute("SELECT status FROM projections WHERE name = %s AND role = 'live'", (projection.name,))
                ).fetchone()
        except (psycopg.OperationalError, StoreUnavailable):
            continue
        if row is None or row[0] == "running":
            return


async def resume(connection: AsyncConnection, name: str) -> bool:
    """Let a stopped projection try again, after its code was mended. False when it was not stopped."""
    moved = await connection.execute(
        "UPDATE projections SET status = 'running', problem = NULL WHERE name = %s AND role = 'live' AND status = 'stopped'", (name,)
    )
    return moved.rowcount > 0


async def skip(connection: AsyncConnection, name: str, reason: str) -> int:
    """Leave out the event a stopped projection stands before, now and in every rebuild; returns its position. Raises StoreError."""
    async with connection.transaction():
        row = await (
            await connection.execute(
                "SELECT (problem->>'position')::bigint FROM projections"
                " WHERE name = %s AND role = 'live' AND status = 'stopped' FOR UPDATE",
                (name,),
            )
        ).fetchone()
        if row is None or row[0] is None:
            raise StoreError(f"{name} is not stopped: there is nothing to skip")
        await connection.execute("INSERT INTO projection_skips (name, position, reason) VALUES (%s, %s, %s)", (name, row[0], reason))
        await resume(connection, name)
        return int(row[0])


async def digest(connection: AsyncConnection, projection: Projection, rows: Sequence[Stored], skipped: frozenset[int]) -> None:
    """A batch in one transaction, or row by row to find the poison: a row whose content Postgres refuses is put aside.

    Raises Stopped, TakenOver.
    """
    try:
        await apply(connection, projection, rows, skipped=skipped)
    except TakenOver:
        raise
    except Exception as error:  # any kind of poison stops its read model, or is put aside, and is told
        if aside.is_trouble(error):
            raise
        if len(rows) > 1:
            for row in rows:
                await digest(connection, projection, [row], skipped)
        elif not await _put_aside(connection, projection, rows[0], error):
            await _stop(connection, projection, rows[0], error)
            raise Stopped(projection.name) from error


async def _put_aside(connection: AsyncConnection, projection: Projection, row: Stored, error: Exception) -> bool:
    """Go on after a row whose content is at fault; False when it is the program that is, or when too many rows would be."""
    if not sqlstate.of_data(error):
        return False
    async with connection.transaction():
        if not await aside.put(connection, projection.name, row, error):
            return False
        await _advance(connection, projection, row.position - 1, row.position)
    return True


async def _stop(connection: AsyncConnection, projection: Projection, row: Stored, error: Exception) -> None:
    problem = {
        "position": row.position,
        "type": row.type,
        "event_id": str(row.id),
        "error": type(error).__name__,
        "reason": str(error) if isinstance(error, TzurotError) else "it cannot be digested",
        "at": clock.now().isoformat(),
    }
    await connection.execute(
        "UPDATE projections SET status = 'stopped', problem = %s WHERE name = %s AND role = 'live'", (Jsonb(problem), projection.name)
    )
    _log.error("projection stopped", projection=projection.name, **problem)


async def progress(connection: AsyncConnection) -> list[Progress]:
    """Where every projection stands."""
    cursor = await connection.execute(
        "SELECT name, role, version, schema_name, position, status, problem, changed::text FROM projections ORDER BY name, role"
    )
    return [Progress(*row) for row in await cursor.fetchall()]
