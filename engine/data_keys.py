"""The tables of data keys: wrapped keys by name, and which epoch of a subject is current."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection

from engine import subjects


class Wrapped(NamedTuple):
    """A row: the key's name, the key wrapped by a master key (None when it was destroyed), and that one's id."""

    name: str
    wrapped: bytes | None
    master_key_id: str


async def current_names(connection: AsyncConnection, wanted: Iterable[str]) -> dict[str, str]:
    """The name of the key each subject writes with now, whether there is one yet or not."""
    names = dict.fromkeys(wanted, 1)
    if names:
        cursor = await connection.execute("SELECT subject, epoch FROM key_epochs WHERE subject = ANY(%s)", (list(names),))
        names |= dict(await cursor.fetchall())
    return {subject: subjects.key_name(subject, epoch) for subject, epoch in names.items()}


async def wrapped(connection: AsyncConnection, names: Iterable[str]) -> list[Wrapped]:
    """The rows with these names."""
    cursor = await connection.execute("SELECT subject, wrapped, master_key_id FROM data_keys WHERE subject = ANY(%s)", (list(names),))
    return [Wrapped(*row) for row in await cursor.fetchall()]


async def destroyed(connection: AsyncConnection, names: Iterable[str]) -> set[str]:
    """Those of these names whose keys were destroyed."""
    cursor = await connection.execute("SELECT subject FROM data_keys WHERE wrapped IS NULL AND subject = ANY(%s)", (list(names),))
    return {name for (name,) in await cursor.fetchall()}


async def insert(connection: AsyncConnection, keys: Mapping[str, bytes], master_key_id: str) -> None:
    """Add keys under their names, unless there is one already or the master key was retired."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO data_keys (subject, wrapped, master_key_id) SELECT %s, %s, id FROM (VALUES (%s)) AS master (id)"
            " WHERE NOT EXISTS (SELECT FROM retired_master_keys WHERE master_key_id = id) ON CONFLICT DO NOTHING",
            [(name, key, master_key_id) for name, key in keys.items()],
        )


async def destroy(connection: AsyncConnection, subject: str, only: Collection[str] | None = None) -> list[str]:
    """Destroy the keys of a subject, or those named; the next epoch begins when one of them was the current one. Returns their names."""
    # The epoch moves in the same statement, so nobody ever finds a destroyed key to be the current one.
    living = await names_of(connection, subject, destroyed=False)
    cursor = await connection.execute(
        "WITH gone AS ("
        "  UPDATE data_keys SET wrapped = NULL, destroyed_at = now() WHERE destroyed_at IS NULL AND subject = ANY(%(names)s)"
        "  RETURNING subject"
        "), moved AS ("
        "  INSERT INTO key_epochs AS e (subject, epoch) SELECT %(subject)s, max(epoch_of(subject)) + 1 FROM gone HAVING count(*) > 0"
        "  ON CONFLICT (subject) DO UPDATE SET epoch = greatest(e.epoch, excluded.epoch)"
        ") SELECT subject FROM gone ORDER BY epoch_of(subject)",
        {"names": [name for name in living if only is None or name in only], "subject": subject},
    )
    return [name for (name,) in await cursor.fetchall()]


async def names_of(connection: AsyncConnection, subject: str, *, destroyed: bool) -> list[str]:
    """The names of a subject's keys, those that live or those that were destroyed, in the order of their epochs."""
    cursor = await connection.execute(
        "SELECT subject FROM data_keys WHERE (wrapped IS NULL) = %(destroyed)s AND (subject = %(s)s"
        " OR (subject > %(s)s || ':' AND subject < %(s)s || ';' AND epoch_of(subject) > 1)) ORDER BY epoch_of(subject)",
        {"s": subject, "destroyed": destroyed},
    )
    return [name for (name,) in await cursor.fetchall()]


async def names_before(connection: AsyncConnection, subject: str, moment: datetime) -> list[str]:
    """The names of a subject's keys that live and were made before a moment."""
    living = await names_of(connection, subject, destroyed=False)
    cursor = await connection.execute("SELECT subject FROM data_keys WHERE subject = ANY(%s) AND created_at <= %s", (living, moment))
    return [name for (name,) in await cursor.fetchall()]


async def wrapped_by(connection: AsyncConnection) -> set[str]:
    """The ids of the master keys that wrap keys here."""
    cursor = await connection.execute("SELECT DISTINCT master_key_id FROM data_keys WHERE wrapped IS NOT NULL")
    return {name for (name,) in await cursor.fetchall()}
