"""Making what a person wrote unreadable everywhere, for good.

Their data key is destroyed: that reaches the log, every read model (they hold sealed copies), drafts, every later backup and every
replay at once, and processes that still remember the key forget it within engine.vault.CACHE_SECONDS. What was computed from their
texts and stands in the clear (vectors, tokens) is deleted. An event says so, and projections drop what they hold.
"""

from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg import sql as composed

from engine import ids
from engine.events.base import Tags, user_subject
from engine.events.privacy import UserErased
from engine.store import Log, NewEvent
from engine.vault import CACHE_SECONDS

_DERIVED = {
    "memory_vectors": "DELETE FROM memory_vectors WHERE persona IN (%(id)s, %(subject)s) OR persona LIKE %(prefix)s",
    "provider_keys": "DELETE FROM provider_keys WHERE user_id = %(user)s",
    "drafts": "DELETE FROM drafts WHERE subject = %(subject)s",
}
"""Tables outside the log and the read models that hold something of a person's, and how to remove it."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did or would do. `events` are those of the log whose sealed part it shuts; `deleted` rows per table."""

    user_id: int
    had_key: bool
    events: int
    sealed_rows: dict[str, int]
    deleted: dict[str, int]
    everywhere_after_s: float = CACHE_SECONDS


async def preview(log: Log, user_id: int) -> Erased:
    """What `erase` would do. Changes nothing."""
    subject = user_subject(user_id)
    async with log.pool.connection() as connection:
        row = await (
            await connection.execute("SELECT count(*) FROM data_keys WHERE subject = %s AND wrapped IS NOT NULL", (subject,))
        ).fetchone()
        derived = {table: await _would_delete(connection, table, user_id) for table in await _present(connection)}
        return Erased(user_id, bool(row and row[0]), await _events(connection, subject), await _sealed_rows(connection, subject), derived)


async def erase(log: Log, user_id: int, requested_by: int) -> Erased:
    """Do it. A repeat finds nothing left and is harmless."""
    subject = user_subject(user_id)
    had_key = await log.vault.destroy(subject)
    event = UserErased(user_id=user_id, requested_by=requested_by)
    await log.append(NewEvent(event, f"user:{user_id}", ids.derived("user-erased", user_id), Tags(user=user_id)))
    async with log.pool.connection() as connection:
        deleted = {}
        for table in await _present(connection):
            deleted[table] = (await connection.execute(_DERIVED[table].encode(), _values(user_id))).rowcount
        # The dead row versions hold the wrapped key and the vectors until a vacuum takes them.
        for table in ("data_keys", *deleted):
            await connection.execute(composed.SQL("VACUUM {}").format(composed.Identifier(table)))
        return Erased(user_id, had_key, await _events(connection, subject), await _sealed_rows(connection, subject), deleted)


def _values(user_id: int) -> dict[str, object]:
    subject = user_subject(user_id)
    return {"user": user_id, "id": str(user_id), "subject": subject, "prefix": f"{subject}:%"}


async def _present(connection: AsyncConnection) -> list[str]:
    cursor = await connection.execute("SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL", (list(_DERIVED),))
    return [name for (name,) in await cursor.fetchall()]


async def _would_delete(connection: AsyncConnection, table: str, user_id: int) -> int:
    counted = _DERIVED[table].replace("DELETE FROM", "SELECT count(*) FROM", 1)
    row = await (await connection.execute(counted.encode(), _values(user_id))).fetchone()
    return int(row[0]) if row else 0


async def _events(connection: AsyncConnection, subject: str) -> int:
    row = await (await connection.execute("SELECT count(*) FROM events WHERE subject = %s AND sealed IS NOT NULL", (subject,))).fetchone()
    return int(row[0]) if row else 0


async def _sealed_rows(connection: AsyncConnection, subject: str) -> dict[str, int]:
    """Read-model tables with sealed copies of this subject, and how many rows."""
    cursor = await connection.execute(
        "SELECT table_schema, table_name FROM information_schema.columns"
        " WHERE column_name = 'subject' AND table_schema IN (SELECT schema_name FROM projections)"
        "   AND (table_schema, table_name) IN"
        "       (SELECT table_schema, table_name FROM information_schema.columns WHERE column_name = 'sealed')"
    )
    found = {}
    for schema, table in await cursor.fetchall():
        statement = composed.SQL("SELECT count(*) FROM {} WHERE subject = %s").format(composed.Identifier(schema, table))
        row = await (await connection.execute(statement, (subject,))).fetchone()
        found[f"{schema}.{table}"] = int(row[0]) if row else 0
    return found
