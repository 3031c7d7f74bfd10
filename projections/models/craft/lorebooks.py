"""Lorebooks: where each one's words stand in the log, and where it is attached. Positions only, no text is copied."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from engine.lore import Source
from engine.lore.book import LoreScope
from engine.store import Stored
from projections import unchanged
from projections.base import Projection, clear, sql


class Lorebooks(Projection):
    name = "lorebooks"
    version = 1
    types = frozenset(
        {
            *(f"lorebook.{what}" for what in ("created", "edited", "entries_set", "entries_removed")),
            *(f"lorebook.{what}" for what in ("deleted", "restored", "attached", "detached")),
        }
    )
    ddl = """
    CREATE TABLE {schema}.books (
        lorebook uuid PRIMARY KEY,
        owner bigint,
        position bigint NOT NULL,
        deleted boolean NOT NULL DEFAULT false
    );
    CREATE TABLE {schema}.entries (
        lorebook uuid NOT NULL,
        uid bigint NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (lorebook, uid)
    );
    CREATE TABLE {schema}.attachments (
        scope text COLLATE "C" NOT NULL,
        target text COLLATE "C" NOT NULL,
        lorebook uuid NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (scope, target, lorebook)
    );
    CREATE INDEX ON {schema}.attachments (lorebook);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            values: dict[str, Any] = clear(row) | {"position": row.position}
            await connection.execute(sql(_STATEMENTS[row.type], schema), values)


_SHEET = """
INSERT INTO {schema}.books (lorebook, owner, position) VALUES (%(lorebook_id)s, %(owner_id)s, %(position)s)
ON CONFLICT (lorebook) DO UPDATE SET owner = excluded.owner, position = excluded.position
"""
_DELETED = "UPDATE {schema}.books SET deleted = true WHERE lorebook = %(lorebook_id)s"
_STATEMENTS = {
    "lorebook.created": _SHEET,
    "lorebook.edited": _SHEET,
    "lorebook.entries_set": """
        INSERT INTO {schema}.entries (lorebook, uid, position)
        SELECT %(lorebook_id)s, uid, %(position)s FROM (SELECT DISTINCT unnest(%(uids)s::bigint[])) AS given (uid)
        ON CONFLICT (lorebook, uid) DO UPDATE SET position = excluded.position
    """,
    "lorebook.entries_removed": "DELETE FROM {schema}.entries WHERE lorebook = %(lorebook_id)s AND uid = ANY(%(uids)s::bigint[])",
    "lorebook.deleted": _DELETED,
    "lorebook.restored": _DELETED.replace("true", "false"),
    "lorebook.attached": """
        INSERT INTO {schema}.attachments (scope, target, lorebook, position)
        VALUES (%(scope)s, %(target)s, %(lorebook_id)s, %(position)s)
        ON CONFLICT (scope, target, lorebook) DO UPDATE SET position = excluded.position
    """,
    "lorebook.detached": """
        DELETE FROM {schema}.attachments WHERE scope = %(scope)s AND target = %(target)s AND lorebook = %(lorebook_id)s
    """,
}
SOURCES: dict[LoreScope, Source] = {
    "channel": "chat",
    "person": "persona",
    "character": "character",
    "guild": "global",
    "everywhere": "global",
}
"""Scope to how SillyTavern calls a book that is bound so."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A book that is looked at somewhere: how it is bound there, where its sheet stands, and its entries' numbers and positions."""

    lorebook: UUID
    sources: tuple[Source, ...]
    position: int
    entries: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Shelved:
    """A book that is there: whose it is, and where it is attached."""

    lorebook: UUID
    owner_id: int | None
    position: int
    entries: tuple[tuple[int, int], ...]
    attached: tuple[tuple[LoreScope, str], ...]


_ENTRIES = "ARRAY(SELECT ARRAY[e.uid, e.position] FROM {schema}.entries e WHERE e.lorebook = b.lorebook ORDER BY e.uid)"
_ATTACHED = f"""
SELECT b.lorebook, array_agg(a.scope ORDER BY a.position), b.position, {_ENTRIES}
FROM {{schema}}.attachments a JOIN {{schema}}.books b ON b.lorebook = a.lorebook AND NOT b.deleted
WHERE (a.scope, a.target) IN (('everywhere', ''), ('guild', %(guild)s), ('channel', %(channel)s), ('character', %(character)s),
                              ('person', %(person)s))
GROUP BY b.lorebook, b.position ORDER BY min(a.position)
"""


async def attached(
    connection: AsyncConnection, *, character: UUID, channel: int, guild: int | None, person: int | None, schema: str = "lorebooks"
) -> list[Attached]:
    """The books a character looks at when it answers this person there, oldest attachment first."""
    values = {"character": str(character), "channel": str(channel), "guild": str(guild or "-"), "person": str(person or "-")}
    found = await unchanged.rows(connection, [schema], sql(_ATTACHED, schema), values)
    return [Attached(row[0], tuple(SOURCES[scope] for scope in row[1]), row[2], _pairs(row[3])) for row in found]


async def shelf(connection: AsyncConnection, *, schema: str = "lorebooks") -> list[Shelved]:
    """Every book there is."""
    statement = f"""
    SELECT b.lorebook, b.owner, b.position, {_ENTRIES},
           ARRAY(SELECT ARRAY[a.scope, a.target] FROM {{schema}}.attachments a WHERE a.lorebook = b.lorebook ORDER BY a.position)
    FROM {{schema}}.books b WHERE NOT b.deleted ORDER BY b.lorebook
    """
    cursor = await connection.execute(sql(statement, schema))
    return [
        Shelved(row[0], row[1], row[2], _pairs(row[3]), tuple((scope, target) for scope, target in row[4]))
        for row in await cursor.fetchall()
    ]


def _pairs(rows: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((uid, position) for uid, position in rows)


LOREBOOKS = Lorebooks()
