"""Whether the read models are what a fold of the log gives. It builds in scratch schemas."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psycopg import AsyncConnection, IsolationLevel
from psycopg import sql as composed

from engine.errors import StoreError
from engine.store import connect, reader
from projections.base import Projection
from projections.follow.rebuild import STEP, create, drop, load

Hashes = dict[str, tuple[int, str]]
"""Table -> (rows, a hash of all of them whatever their order)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One projection, compared at `position` with a fold from zero. `different` names the tables that are not equal."""

    name: str
    position: int
    head: int
    status: str
    tables: dict[str, dict[str, object]]
    different: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return not self.different


async def verify(dsn: str, projections: Sequence[Projection], tell: Callable[[Verdict], None] = lambda _: None) -> list[Verdict]:
    """Compare each with its fold. The serving tables go on serving and moving meanwhile."""
    found = []
    async with await connect.connect(dsn, application="tzurot verify") as connection:
        for projection in projections:
            verdict = await _verify(connection, projection)
            tell(verdict)
            found.append(verdict)
    return found


async def _verify(connection: AsyncConnection, projection: Projection) -> Verdict:
    served, position, status = await _snapshot(connection, projection)
    async with scratch(connection, projection, position) as schema:
        folded = await hashes(connection, schema)
    different = tuple(sorted(table for table in served.keys() | folded.keys() if served.get(table) != folded.get(table)))
    tables: dict[str, dict[str, object]] = {
        table: {"rows": served.get(table, (0, ""))[0], "served": served.get(table, (0, ""))[1], "folded": folded.get(table, (0, ""))[1]}
        for table in sorted(served.keys() | folded.keys())
    }
    return Verdict(projection.name, position, await reader.head(connection), status, tables, different)


async def _snapshot(connection: AsyncConnection, projection: Projection) -> tuple[Hashes, int, str]:
    """Hashes and checkpoint of one moment, without holding anybody up."""
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    try:
        async with connection.transaction():
            row = await (
                await connection.execute(
                    "SELECT position, schema_name, status FROM projections WHERE name = %s AND role = 'live'", (projection.name,)
                )
            ).fetchone()
            if row is None:
                raise StoreError(f"{projection.name} has never run: start `tzurot run`, or `tzurot rebuild {projection.name}`")
            return await hashes(connection, row[1]), int(row[0]), str(row[2])
    finally:
        await connection.set_isolation_level(None)


@asynccontextmanager
async def scratch(connection: AsyncConnection, projection: Projection, position: int) -> AsyncIterator[str]:
    """The read model as it was at a position, in a schema that is dropped at the end of the block; yields its name."""
    schema = f"scratch_{projection.name}_{secrets.token_hex(4)}"
    async with connection.transaction():
        await create(connection, projection, schema, indexed=False)
    try:
        for after in range(0, position, STEP):
            async with connection.transaction():
                await load(connection, projection, schema, after, min(after + STEP, position))
        yield schema
    finally:
        await drop(connection, schema)


async def hashes(connection: AsyncConnection, schema: str) -> Hashes:
    """Row count and order-free hash of every table of a schema."""
    cursor = await connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY table_name", (schema,)
    )
    found: Hashes = {}
    for (table,) in await cursor.fetchall():
        statement = composed.SQL("SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {} t")
        row = await (await connection.execute(statement.format(composed.Identifier(schema, table)))).fetchone()
        assert row is not None
        found[table] = (int(row[0]), str(row[1]))
    return found
