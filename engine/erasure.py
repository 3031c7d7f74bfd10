"""Making what a person wrote unreadable everywhere, for good.

Their data key is destroyed: that reaches the log, every read model (they hold sealed copies), drafts, every later backup and every
replay at once, and processes that still remember the key forget it within engine.vault.CACHE_SECONDS. What was computed from their
texts and stands in the clear (vectors, tokens) is deleted. An event says so, and projections drop what they hold. Then tables are
written anew and the write-ahead log is replaced, so that no file of the database holds the key any more (engine.scrub).
"""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import orjson
from psycopg import AsyncConnection
from psycopg import sql as composed

from engine import clock, data_keys, embedded, ids, oldkeys, scrub, subjects, tombstones
from engine.config import Settings
from engine.events.base import user_subject
from engine.events.build import new
from engine.events.privacy import UserErased
from engine.store import Log, connect, open_log
from engine.vault import CACHE_SECONDS, load_master_key

_DERIVED = {
    "memory_embeddings": "DELETE FROM memory_embeddings WHERE string_to_array(subject, '+') && %(names)s::text[]",
    "provider_keys": "DELETE FROM provider_keys WHERE user_id = %(user)s",
    "blobs": "DELETE FROM blobs WHERE string_to_array(subject, '+') && %(names)s::text[]",
    "drafts": "DELETE FROM drafts WHERE string_to_array(subject, '+') && %(names)s::text[] OR subject = %(subject)s",
}
"""Tables outside the log and the read models that hold something of a person's, and how to remove it."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did or would do now. `events` are those of the log whose sealed part it shuts; rows per table.

    A repeat that finds nothing left has no key, no events and no rows.
    """

    user_id: int
    had_key: bool
    events: int
    sealed_rows: dict[str, int]
    deleted: dict[str, int]
    everywhere_after_s: float = CACHE_SECONDS
    still_in: tuple[str, ...] = ()
    """Backups and kept databases of before: they hold the text and its key. Delete them, or restore them only where this was done."""


async def preview(log: Log, user_id: int) -> Erased:
    """What `erase` would do. Changes nothing."""
    async with log.pool.connection() as connection:
        living = await _living(connection, user_subject(user_id))
        derived = {table: await _would_delete(connection, table, user_id, living) for table in await _present(connection)}
        return Erased(user_id, bool(living), await _events(connection, living), await _sealed_rows(connection, living), derived)


async def erase(log: Log, user_id: int, requested_by: int, folder: Path | None = None, only: Collection[str] | None = None) -> Erased:
    """Do it. A repeat finds nothing left and is harmless; what they write from now on can be read again, and erased again.

    With the data `folder` it is noted there, so that a restored backup of before is erased again, and backups of before are named.
    `only` names the keys to destroy; default: all.
    """
    subject = user_subject(user_id)
    async with log.pool.connection() as connection:
        now = await _now(connection)
    if folder is not None and only is None:
        await asyncio.to_thread(tombstones.record, folder, tombstones.Tombstone(user_id, requested_by, now.isoformat()))
    destroyed = await log.vault.destroy(subject, only)
    async with log.pool.connection() as connection:
        names = await data_keys.names_of(connection, subject, destroyed=True)
    epoch = max(map(subjects.epoch, names), default=1)
    await log.append(new(UserErased(user_id=user_id, requested_by=requested_by), _event_id(user_id, epoch)))
    async with log.pool.connection() as connection:
        deleted = await _empty(connection, user_id, names)
        await _forget_the_past(connection)
        shut = await _events(connection, destroyed), await _sealed_rows(connection, destroyed)
        kept = await scrub.kept_databases(connection)
    still_in = [left for name in kept if (left := await _erase_kept(embedded.with_database(log.dsn, name), name, user_id, now))]
    still_in += await scrub.scrub(log.dsn, ("data_keys", *deleted))
    if folder is not None:
        still_in += await oldkeys.prune(log.dsn, folder)
        still_in += await asyncio.to_thread(backups_before, folder, now)
    return Erased(user_id, bool(destroyed), *shut, deleted, still_in=tuple(still_in))


async def erase_again(log: Log, folder: Path) -> tuple[int, ...]:
    """Carry out what the data folder notes of erasures in a database that was put back from before; returns whose.

    Keys that were made after an erasure are of people who came back, and stay.
    """
    found = list[int]()
    for tombstone in await asyncio.to_thread(tombstones.read, folder):
        async with log.pool.connection() as connection:
            names = await data_keys.names_before(connection, user_subject(tombstone.user_id), tombstone.moment)
        if names:
            await erase(log, tombstone.user_id, tombstone.requested_by, folder, names)
            found.append(tombstone.user_id)
    return tuple(dict.fromkeys(found))


async def after_start(settings: Settings, dsn: str) -> tuple[int, ...]:
    """The same at a start, for a database that was put back by other means than `tzurot restore`; returns whose."""
    if await asyncio.to_thread(tombstones.read, settings.tzurot_data):
        async with open_log(dsn, load_master_key(settings)) as log:
            return await erase_again(log, settings.tzurot_data)
    return ()


async def _now(connection: AsyncConnection) -> datetime:
    """The database's time: keys say by it when they were made."""
    row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
    return row[0] if row else clock.now()


async def _empty(connection: AsyncConnection, user_id: int, names: Sequence[str]) -> dict[str, int]:
    """Delete what stands in the clear; rows per table."""
    deleted = {}
    for table in await _present(connection):
        deleted[table] = (await connection.execute(_DERIVED[table].encode(), _values(user_id, names))).rowcount
    return deleted


async def _forget_the_past(connection: AsyncConnection) -> None:
    """Drop the kept views of earlier positions: they may hold what was computed from the person's words."""
    for (schema,) in await (await connection.execute("DELETE FROM past_views RETURNING schema_name")).fetchall():
        await connection.execute(composed.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(composed.Identifier(schema)))


async def _erase_kept(dsn: str, name: str, user_id: int, moment: datetime) -> str | None:
    """Destroy a person's keys in a database that a restore has kept; its name when that is not possible."""
    subject = user_subject(user_id)
    try:
        async with await connect.connect(dsn, application="tzurot erase") as connection:
            await data_keys.destroy(connection, subject, await data_keys.names_before(connection, subject, moment))
            deleted = await _empty(connection, user_id, await data_keys.names_of(connection, subject, destroyed=True))
            return f"database {name}" if await scrub.rewrite(connection, ("data_keys", *deleted)) else None
    except connect.TROUBLE:
        return f"database {name}"


def backups_before(folder: Path, moment: datetime) -> list[str]:
    """The backups in the data folder that were made before a moment."""
    found = []
    for manifest in sorted((folder / "backups").glob("*.json")):
        with suppress(OSError, ValueError, KeyError):
            if datetime.fromisoformat(orjson.loads(manifest.read_bytes())["made_at"]) < moment:
                found.append(str(manifest.with_suffix("")))
    return found


def _event_id(user_id: int, epoch: int) -> UUID:
    """One event per key that was destroyed: a second erasure is another event, a repeat of the first is not."""
    return ids.derived("user-erased", user_id) if epoch == 1 else ids.derived("user-erased", user_id, epoch)


def _values(user_id: int, names: Sequence[str]) -> dict[str, object]:
    """`names` are those of all keys the person ever had."""
    subject = user_subject(user_id)
    return {"user": user_id, "names": list(names), "id": str(user_id), "subject": subject}


async def _present(connection: AsyncConnection) -> list[str]:
    cursor = await connection.execute("SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL", (list(_DERIVED),))
    return [name for (name,) in await cursor.fetchall()]


async def _would_delete(connection: AsyncConnection, table: str, user_id: int, names: Sequence[str]) -> int:
    counted = _DERIVED[table].replace("DELETE FROM", "SELECT count(*) FROM", 1)
    row = await (await connection.execute(counted.encode(), _values(user_id, names))).fetchone()
    return int(row[0]) if row else 0


async def _living(connection: AsyncConnection, subject: str) -> list[str]:
    """The names of a subject's keys that were not destroyed."""
    return await data_keys.names_of(connection, subject, destroyed=False)


_SEALED_WITH = "string_to_array(subject, '+') && %s::text[]"
"""Whether a row's text opens only with one of some keys: engine.subjects."""


async def _events(connection: AsyncConnection, names: Sequence[str]) -> int:
    statement = f"SELECT count(*) FROM events WHERE {_SEALED_WITH} AND sealed IS NOT NULL"
    row = await (await connection.execute(statement.encode(), (names,))).fetchone() if names else None
    return int(row[0]) if row else 0


async def _sealed_rows(connection: AsyncConnection, names: Sequence[str]) -> dict[str, int]:
    """Read-model tables with sealed copies that need one of these keys, and how many rows."""
    cursor = await connection.execute(
        "SELECT table_schema, table_name FROM information_schema.columns"
        " WHERE column_name = 'subject' AND table_schema IN (SELECT schema_name FROM projections)"
        "   AND (table_schema, table_name) IN"
        "       (SELECT table_schema, table_name FROM information_schema.columns WHERE column_name = 'sealed')"
    )
    found = {}
    for schema, table in await cursor.fetchall():
        statement = composed.SQL("SELECT count(*) FROM {} WHERE " + _SEALED_WITH).format(composed.Identifier(schema, table))
        row = await (await connection.execute(statement, (names,))).fetchone()
        found[f"{schema}.{table}"] = int(row[0]) if row else 0
    return found
