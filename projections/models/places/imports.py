"""Conversations that came in from other programs: whose, how much, and whether that was taken back. Tables of the read model `history`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from projections.base import sql

IMPORT_TYPES = frozenset({"chat.imported", "chat.withdrawn", "chat.readmitted"})
IMPORTS_DDL = """
    CREATE TABLE {schema}.imports (
        channel bigint PRIMARY KEY,
        person bigint NOT NULL,
        character uuid,
        position bigint NOT NULL,
        withdrawn boolean NOT NULL DEFAULT false
    );
    CREATE INDEX ON {schema}.imports (person, character);
    CREATE TABLE {schema}.withdrawn (
        position bigint PRIMARY KEY,
        channel bigint NOT NULL
    );
    CREATE INDEX ON {schema}.withdrawn (channel);
"""
TAKEN_BACK = """
EXISTS (SELECT 1 FROM {schema}.imports i WHERE i.channel = e.channel AND i.withdrawn AND e.position < i.position)
"""
"""Whether the entry `e` came in with an import that was taken back: the deliverer may show one of its versions after that."""
IMPORTED = """
INSERT INTO {schema}.imports (channel, person, character, position) VALUES (%(channel)s, %(person)s, %(character)s, %(position)s)
ON CONFLICT (channel) DO NOTHING
"""
# What was gone already is not noted, so that only the rest comes back.
WITHDRAWN = """
WITH here AS (UPDATE {schema}.imports SET withdrawn = true WHERE channel = %(channel)s AND NOT withdrawn RETURNING position),
lines AS (
    UPDATE {schema}.entries e SET gone = true FROM here
    WHERE e.channel = %(channel)s AND NOT e.gone AND e.position < here.position RETURNING e.position
)
INSERT INTO {schema}.withdrawn (position, channel) SELECT position, %(channel)s::bigint FROM lines ON CONFLICT DO NOTHING
"""
READMITTED = """
WITH here AS (UPDATE {schema}.imports SET withdrawn = false WHERE channel = %(channel)s AND withdrawn RETURNING channel),
lines AS (DELETE FROM {schema}.withdrawn w USING here WHERE w.channel = here.channel RETURNING w.position)
UPDATE {schema}.entries e SET gone = false FROM lines WHERE e.position = lines.position
"""
# What is deleted or purged while it is taken back does not come back with the rest.
DELETED = """
WITH lines AS (UPDATE {schema}.entries SET gone = true WHERE message_id = %(message)s AND position < %(position)s RETURNING position)
DELETE FROM {schema}.withdrawn w USING lines WHERE w.position = lines.position
"""
PURGED = """
WITH lines AS (DELETE FROM {schema}.withdrawn WHERE channel = %(channel)s AND position < %(position)s)
UPDATE {schema}.entries SET gone = true WHERE channel = %(channel)s AND position < %(position)s
"""


@dataclass(frozen=True, slots=True)
class ImportedTalk:
    """One conversation that came in: how many lines of it are met, from when to when, and how many memories were made of it."""

    channel: int
    lines: int
    first: datetime | None
    last: datetime | None
    memories: int


_STANDING = """
SELECT i.channel, count(e.position) AS lines, min(e.sent_at) AS first, max(e.sent_at) AS last,
       (SELECT count(*) FROM memory.notes n WHERE n.channel = i.channel AND NOT n.gone) AS memories
FROM {schema}.imports i LEFT JOIN {schema}.entries e ON e.channel = i.channel AND e.live AND NOT e.gone AND e.position < i.position
WHERE i.person = %(person)s AND i.character = %(character)s AND NOT i.withdrawn GROUP BY i.channel ORDER BY i.channel
"""


async def standing(connection: AsyncConnection, channels: Collection[int], *, schema: str = "history") -> frozenset[int]:
    """Those of these conversations that came in and were not taken back."""
    statement = sql("SELECT channel FROM {schema}.imports WHERE channel = ANY(%s) AND NOT withdrawn", schema)
    return frozenset(row[0] for row in await (await connection.execute(statement, (list(channels),))).fetchall())


async def imported(connection: AsyncConnection, person: int, character: UUID, *, schema: str = "history") -> Sequence[ImportedTalk]:
    """A person's conversations with a character that came in and were not taken back."""
    async with connection.cursor(row_factory=class_row(ImportedTalk)) as cursor:
        await cursor.execute(sql(_STANDING, schema), {"person": person, "character": character})
        return await cursor.fetchall()
