"""Whether each read model is what a fold of the log from zero gives: built again in a scratch schema and compared table by table."""

import secrets

import psycopg
from psycopg import AsyncConnection, sql

from engine.store import Query, Stored, reader
from projections.base import Projection
from projections.registry import ALL
from projections.runner import create_tables, progress

BATCH = 500


async def differences(dsn: str) -> list[str]:
    """One sentence per projection that is not at the head of the log, is stopped, or has other rows than its fold."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        head = await reader.head(connection)
        standing = {state.name: state for state in await progress(connection) if state.role == "live"}
        found: list[str] = []
        for projection in ALL:
            state = standing.get(projection.name)
            if state is None or state.status != "running" or state.position != head:
                stands = f"at {state.position} of {head}, {state.status}" if state else "nowhere"
                found.append(f"{projection.name} stands {stands}")
                continue
            found += await _compare(connection, projection, state.schema, head)
        return found


async def _compare(connection: AsyncConnection, projection: Projection, serving: str, head: int) -> list[str]:
    scratch = f"oracle_{projection.name}_{secrets.token_hex(4)}"
    await create_tables(connection, projection, scratch)
    try:
        await _fold(connection, projection, scratch, head)
        served, folded = await hashes(connection, serving), await hashes(connection, scratch)
    finally:
        await connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(scratch)))
    return [
        f"{projection.name}.{table}: {served.get(table)} (rows, hash) served, {folded.get(table)} folded"
        for table in sorted(served.keys() | folded.keys())
        if served.get(table) != folded.get(table)
    ]


async def _fold(connection: AsyncConnection, projection: Projection, schema: str, head: int) -> None:
    query = Query(until=head, types=projection.types)
    batch: list[Stored] = []
    async for row in reader.rows(connection, query):
        batch.append(row)
        if len(batch) == BATCH:
            await projection.apply(connection, schema, batch)
            batch = []
    if batch:
        await projection.apply(connection, schema, batch)


async def hashes(connection: psycopg.AsyncConnection, schema: str) -> dict[str, tuple[int, str]]:
    """Table -> (rows, a hash of all of them whatever their order)."""
    tables = await (
        await connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (schema,))
    ).fetchall()
    found: dict[str, tuple[int, str]] = {}
    for (table,) in tables:
        statement = sql.SQL("SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {} t").format(
            sql.Identifier(schema, table)
        )
        row = await (await connection.execute(statement)).fetchone()
        assert row is not None
        found[table] = (row[0], row[1])
    return found
