"""A read model from zero, beside the one that serves: loaded in big steps, indexed, caught up, switched in one transaction.

Every step commits rows and checkpoint together, so a killed rebuild goes on where it was. Nothing outside Postgres is asked.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection
from psycopg import sql as composed

from engine import clock, log
from engine.errors import StoreError
from engine.store import Query, connect, reader, sqlstate
from projections.base import Projection, sql
from projections.follow import aside, forms

STEP = 20_000
"""Positions per transaction."""
_ROOM = "SELECT set_config('work_mem', '32MB', false), set_config('maintenance_work_mem', '256MB', false)"
"""What a step sorts and what an index sorts stay in memory: a million rows are some 50 MB."""
CLOSE = 2_000
"""So near to the serving tables, the rest is done in the switch itself."""
_log = log.get("rebuild")


@dataclass(frozen=True, slots=True)
class Report:
    """How far one rebuild is. `rate` in events a second, `eta` in seconds, both over this run; None before they are known."""

    name: str
    phase: str
    position: int
    head: int
    rate: float | None = None
    eta: float | None = None
    seconds: float = 0.0


class Busy(StoreError):
    """Another process rebuilds this projection now."""


Tell = Callable[[Report], None]


def silent(_: Report) -> None:
    """Nobody is told."""


async def rebuild(
    dsn: str, projections: Sequence[Projection], tell: Tell = silent, *, at_once: int = 2, keep: bool = False
) -> list[Report]:
    """Rebuild each and switch to it. `keep` leaves the old tables for `switch_back`. Raises Busy, psycopg.Error."""
    room = asyncio.Semaphore(at_once)

    async def one(projection: Projection) -> Report:
        async with room:
            return await _rebuild(dsn, projection, tell, keep=keep)

    # Who takes in the most types has the most to do, and begins, so that nobody works alone in the end.
    async with asyncio.TaskGroup() as group:
        tasks = {p.name: group.create_task(one(p)) for p in sorted(projections, key=lambda p: len(p.types), reverse=True)}
    return [tasks[projection.name].result() for projection in projections]


async def _rebuild(dsn: str, projection: Projection, tell: Tell, *, keep: bool) -> Report:
    application = f"tzurot rebuild {projection.name}"
    async with await connect.connect(dsn, application=application, derived=True) as connection, _only_one(connection, projection):
        await connection.execute(_ROOM)
        began, first = clock.monotonic(), await prepare(connection, projection)
        position = first
        while True:
            head = await reader.head(connection)
            position = await _load(connection, projection, position, head, lambda at, to: tell(_report(projection, at, to, first, began)))
            await _index(connection, projection)
            if await switch(connection, projection, keep=keep):
                break
        return _finished(projection, first, await reader.head(connection), began)


def _report(projection: Projection, position: int, head: int, first: int, began: float) -> Report:
    seconds = clock.monotonic() - began
    rate = (position - first) / seconds if seconds > 0 and position > first else None
    return Report(projection.name, "loading", position, head, rate, (head - position) / rate if rate else None, seconds)


def _finished(projection: Projection, first: int, head: int, began: float) -> Report:
    seconds = clock.monotonic() - began
    return Report(projection.name, "switched", head, head, (head - first) / seconds if seconds else None, 0.0, seconds)


@asynccontextmanager
async def _only_one(connection: AsyncConnection, projection: Projection) -> AsyncIterator[None]:
    row = await (await connection.execute("SELECT pg_try_advisory_lock(hashtext('rebuild ' || %s))", (projection.name,))).fetchone()
    if not row or not row[0]:
        raise Busy(f"{projection.name} is being rebuilt by another process; wait for it or stop it")
    yield  # the lock ends with the connection


def building(projection: Projection) -> str:
    """Name of the schema in which it is built."""
    return f"{projection.name}_next"


async def prepare(connection: AsyncConnection, projection: Projection) -> int:
    """Tables to build in, and the position they stand at: those of an interrupted rebuild of the same make, else empty ones."""
    async with connection.transaction():
        row = await (
            await connection.execute(
                "SELECT position, fingerprint FROM projections WHERE name = %s AND role = 'building' FOR UPDATE", (projection.name,)
            )
        ).fetchone()
        if row is not None and row[1] == projection.fingerprint:
            return int(row[0])
        await drop(connection, building(projection))
        await connection.execute("DELETE FROM projections WHERE name = %s AND role = 'building'", (projection.name,))
        await create(connection, projection, building(projection), indexed=False)
        await connection.execute(
            "INSERT INTO projections (name, role, version, schema_name, phase, fingerprint, forms)"
            " VALUES (%s, 'building', %s, %s, 'loading', %s, %s)",
            (projection.name, projection.version, building(projection), projection.fingerprint, forms.of(projection)),
        )
        return 0


async def create(connection: AsyncConnection, projection: Projection, schema: str, *, indexed: bool = True) -> None:
    """An empty set of the projection's tables in a schema of its own."""
    await connection.execute(sql("CREATE SCHEMA {schema}", schema))
    await connection.execute(sql(projection.ddl, schema))
    if indexed and projection.late:
        await connection.execute(sql(projection.late, schema))


async def drop(connection: AsyncConnection, schema: str) -> None:
    """Remove a set of tables, if it is there."""
    await connection.execute(composed.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(composed.Identifier(schema)))


async def _load(
    connection: AsyncConnection, projection: Projection, position: int, head: int, tell: Callable[[int, int], None], role: str = "building"
) -> int:
    schema = schema_of(projection, role)
    while position < head:
        until = min(position + STEP, head)
        async with connection.transaction():
            await load(connection, projection, schema, position, until)
            await connection.execute(
                "UPDATE projections SET position = %s, updated_at = now() WHERE name = %s AND role = %s AND position = %s",
                (until, projection.name, role, position),
            )
        position = until
        tell(position, head)
    return position


async def load(connection: AsyncConnection, projection: Projection, schema: str, after: int, until: int) -> None:
    """One step, around the positions that the projection was told to skip. A range with older forms of events is applied one by one.

    Raises UnknownEvent when it holds one that this program does not know.
    """
    skipped = await skips(connection, projection.name, after, until)
    if not await forms.has_older(connection, projection, after, until) and not skipped:
        try:
            async with connection.transaction():
                return await projection.load(connection, schema, after, until)
        except psycopg.Error as error:
            if not sqlstate.of_data(error):
                raise
            _log.info("one statement cannot take this step, going event by event", projection=projection.name, after=after)
    try:
        async with connection.transaction():
            return await projection.fold(connection, schema, after, until, skipped)
    except psycopg.Error as error:
        if not sqlstate.of_data(error):
            raise
    return await _row_by_row(connection, projection, schema, after, until, skipped)


async def _row_by_row(
    connection: AsyncConnection, projection: Projection, schema: str, after: int, until: int, skipped: frozenset[int]
) -> None:
    """One row after the other; one whose content Postgres refuses is put aside. Raises psycopg.Error when too many are."""
    rows = [row async for row in reader.rows(connection, Query(after=after, until=until, types=projection.types))]
    for row in rows:
        if row.position in skipped:
            continue
        try:
            async with connection.transaction():
                await projection.apply(connection, schema, [row])
        except psycopg.Error as error:
            if not sqlstate.of_data(error) or not await aside.put(connection, projection.name, row, error):
                raise


async def skips(connection: AsyncConnection, name: str, after: int, until: int) -> frozenset[int]:
    """Positions in a range that this projection leaves out."""
    cursor = await connection.execute(
        "SELECT position FROM projection_skips WHERE name = %s AND position > %s AND position <= %s", (name, after, until)
    )
    return frozenset([row[0] for row in await cursor.fetchall()])


async def _index(connection: AsyncConnection, projection: Projection) -> None:
    async with connection.transaction():
        moved = await connection.execute(
            "UPDATE projections SET phase = 'ready', updated_at = now() WHERE name = %s AND role = 'building' AND phase <> 'ready'",
            (projection.name,),
        )
        if moved.rowcount and projection.late:
            await connection.execute(sql(projection.late, building(projection)))
    await analyze(connection, building(projection))


async def analyze(connection: AsyncConnection, schema: str) -> None:
    """Statistics, without which the first readers get bad plans."""
    cursor = await connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (schema,))
    for (table,) in await cursor.fetchall():
        await connection.execute(composed.SQL("ANALYZE {}").format(composed.Identifier(schema, table)))


async def switch(connection: AsyncConnection, projection: Projection, *, keep: bool = False) -> bool:
    """Catch up with the serving tables and take their place, in one transaction. False when too far behind to do that quickly."""
    async with connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = on")  # the steps before need not wait for the disk: this waits for all
        if not await _level(connection, projection, "building"):
            return False
        await _forget(connection, projection, "previous")
        await _rename(connection, projection, "live", "previous")
        await _rename(connection, projection, "building", "live")
    if not keep:
        await _forget_quietly(connection, projection)
    return True


async def switch_back(connection: AsyncConnection, projection: Projection) -> None:
    """Bring the tables that a rebuild with `keep` left up to date and serve them again. Raises StoreError when there are none."""
    while True:
        async with connection.transaction():
            standing = await _positions(connection, projection)
            if "previous" not in standing:
                raise StoreError(f"{projection.name} has no earlier tables; rebuild with --keep to keep them")
            if await _level(connection, projection, "previous"):
                await _forget(connection, projection, "building")
                await _rename(connection, projection, "live", "building")
                await _rename(connection, projection, "previous", "live")
                await _rename(connection, projection, "building", "previous")
                return
        await _load(connection, projection, standing["previous"], await reader.head(connection), lambda *_: None, "previous")


async def _level(connection: AsyncConnection, projection: Projection, role: str) -> bool:
    """Bring waiting tables to exactly where the serving ones stand, holding their runner up. False when that would take long."""
    await connection.execute("SET LOCAL lock_timeout = '10s'")
    standing = await _positions(connection, projection)
    target = max(standing.get("live", 0), standing[role])
    if target - standing[role] > CLOSE:
        return False
    if standing[role] < target:
        await load(connection, projection, schema_of(projection, role), standing[role], target)
    await connection.execute(
        "UPDATE projections SET position = %s, status = 'running', problem = NULL, updated_at = now(), changed = gen_random_uuid()"
        " WHERE name = %s AND role = %s",
        (target, projection.name, role),
    )
    return True


def schema_of(projection: Projection, role: str) -> str:
    """The schema of the live, building or previous tables."""
    return {"live": projection.name, "building": building(projection), "previous": f"{projection.name}_previous"}[role]


async def _positions(connection: AsyncConnection, projection: Projection) -> dict[str, int]:
    # The lock on the live row stops its runner between two batches; nobody else writes these tables.
    cursor = await connection.execute("SELECT role, position FROM projections WHERE name = %s ORDER BY role FOR UPDATE", (projection.name,))
    return {role: int(position) for role, position in await cursor.fetchall()}


async def _rename(connection: AsyncConnection, projection: Projection, role: str, new_role: str) -> None:
    """Give one set of tables another role. Nothing happens when there is none in the old role."""
    schema, new_schema = schema_of(projection, role), schema_of(projection, new_role)
    moved = await connection.execute(
        "UPDATE projections SET role = %s, schema_name = %s, changed = gen_random_uuid() WHERE name = %s AND role = %s",
        (new_role, new_schema, projection.name, role),
    )
    if moved.rowcount:
        statement = composed.SQL("ALTER SCHEMA {} RENAME TO {}")
        await connection.execute(statement.format(composed.Identifier(schema), composed.Identifier(new_schema)))


async def _forget(connection: AsyncConnection, projection: Projection, role: str) -> None:
    await drop(connection, schema_of(projection, role))
    await connection.execute("DELETE FROM projections WHERE name = %s AND role = %s", (projection.name, role))


async def _forget_quietly(connection: AsyncConnection, projection: Projection) -> None:
    """Drop the old tables once their last readers are done; if that takes long, the next rebuild does it."""
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '3s'")
            await _forget(connection, projection, "previous")
    except psycopg.errors.LockNotAvailable:
        _log.warning("the old tables are still being read and stay until the next rebuild", projection=projection.name)
