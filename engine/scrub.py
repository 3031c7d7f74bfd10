"""Takes out of a database's files what its rows no longer hold.

A row that was changed or deleted stays behind in several places: as a dead version in its table until that is vacuumed, as bytes in
the page afterwards, in the planner's statistics, and in the write-ahead log until its segments are gone. Whoever has the files and
the master key could read a destroyed key there.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg import sql as composed

from engine import clock
from engine.store import connect

PATIENCE_SECONDS = 10.0
"""How long to wait for transactions that still see the rows of before."""
_MOST_SEGMENTS = 300
_SEGMENTS = b"SELECT name FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'"
_COPIES = (
    (b"SELECT current_setting('archive_mode') <> 'off'", "the archive of the write-ahead log"),
    (b"SELECT EXISTS (SELECT FROM pg_replication_slots)", "what a replication slot holds back of the write-ahead log"),
    (b"SELECT EXISTS (SELECT FROM pg_stat_replication)", "the standby servers' copies of the write-ahead log"),
)


async def scrub(dsn: str, tables: Iterable[str]) -> list[str]:
    """Rewrite these tables and replace the write-ahead log. Returns where what was there may still be found.

    The tables are locked while they are rewritten; each is tried for ten seconds. Raises StoreUnavailable when Postgres is away.
    """
    async with await connect.connect(dsn, application="tzurot scrub") as connection:
        left = await rewrite(connection, tables)
        return left + await replace_wal(connection)


async def rewrite(connection: AsyncConnection, tables: Iterable[str]) -> list[str]:
    """Write these tables anew without their dead rows, and the statistics about them. Returns those that could not be."""
    await connection.execute("SET lock_timeout = '10s'")
    # Rewriting keeps dead rows that a running transaction could still see, such as a backup's.
    seen = "" if await _unseen(connection) else " (a transaction that was running still sees old rows; run this again when it has ended)"
    left = []
    for table in tables:
        name = composed.Identifier(*table.split("."))
        try:
            await connection.execute(composed.SQL("VACUUM (FULL, ANALYZE) {}").format(name))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.InsufficientPrivilege) as error:
            left.append(f"old rows of the table {table} ({type(error).__name__})")
        else:
            left += [f"old rows of the table {table}{seen}"] if seen else []
    # Only the owner of the whole server may; the columns with keys have no statistics in any case.
    with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege):
        await connection.execute("VACUUM FULL pg_catalog.pg_statistic")
    return left


async def _unseen(connection: AsyncConnection) -> bool:
    """Wait until no transaction of this database is older than this moment. False when one still is after PATIENCE_SECONDS."""
    row = await (await connection.execute("SELECT pg_current_xact_id()::xid")).fetchone()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while True:
        cursor = await connection.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            "  AND backend_xmin IS NOT NULL AND age(backend_xmin) >= age(%s::xid)"
            "  UNION ALL SELECT FROM pg_prepared_xacts WHERE database = current_database())",
            row,
        )
        if (await cursor.fetchone()) == (False,):
            return True
        if clock.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)


async def replace_wal(connection: AsyncConnection) -> list[str]:
    """Fill and drop write-ahead log until no segment holds anything of before. Returns where it may still be found."""
    try:
        copies = [what for question, what in _COPIES if await _one(connection, question) == (True,)]
        before = await _segments(connection)
        for _ in range(_MOST_SEGMENTS):
            await _next_segment(connection)
            if not before & await _segments(connection):
                break
        else:
            return [*copies, "the write-ahead log, of which Postgres keeps old segments"]
        if await _one(connection, b"SELECT current_setting('wal_recycle')::bool") == (True,):
            await _overwrite(connection, max(await _segments(connection)))
    except psycopg.errors.InsufficientPrivilege:
        return ["the write-ahead log of Postgres, as the user of DATABASE_URL may not replace it (pg_switch_wal, CHECKPOINT, pg_ls_waldir)"]
    return copies


async def kept_databases(connection: AsyncConnection) -> list[str]:
    """Names of the databases that a restore has kept under another name, or was building when it was killed."""
    cursor = await connection.execute(
        "SELECT datname FROM pg_database WHERE datname ~ '_(before|restoring)_[0-9]{14}$'"
        " AND starts_with(datname, current_database() || '_') ORDER BY datname"
    )
    return [name for (name,) in await cursor.fetchall()]


async def _overwrite(connection: AsyncConnection, last: str) -> None:
    """Write through segments that were renamed instead of removed: until they are used they hold what they held."""
    for _ in range(_MOST_SEGMENTS):
        row = await _one(connection, b"SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
        if row is None or row[0] > last:
            return
        await _next_segment(connection)


async def _next_segment(connection: AsyncConnection) -> None:
    # A switch fills the rest of the segment with zeros, and does nothing at the very start of one: so something is written first.
    await connection.execute("SELECT pg_logical_emit_message(false, 'tzurot', ''), pg_switch_wal()")
    await connection.execute("CHECKPOINT")


async def _segments(connection: AsyncConnection) -> set[str]:
    return {name for (name,) in await (await connection.execute(_SEGMENTS)).fetchall()}


async def _one(connection: AsyncConnection, question: bytes) -> tuple[Any, ...] | None:
    return await (await connection.execute(question)).fetchone()
