"""Where the last prompt of each conversation began, so that the next one begins with the same bytes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, decoded, execute, sql


class Windows(Projection):
    name = "windows"
    version = 1
    types = frozenset({"turn.generation_started"})
    ddl = """
    CREATE TABLE {schema}.windows (
        channel bigint NOT NULL,
        character uuid NOT NULL,
        begins bigint NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (channel, character)
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        # Only the last prompt of a conversation counts, so a batch writes each conversation once.
        last = {
            (row.channel, row.character): {"channel": row.channel, "character": row.character, "begins": used[0], "position": row.position}
            for row in rows
            if row.channel is not None and row.character is not None and (used := _used(row))
        }
        async with connection.cursor() as cursor:
            await cursor.executemany(sql(_BEGINS, schema), last.values())

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The same by one statement."""
        await execute(connection, schema, _LOAD, after, until)


def _used(row: Stored) -> Sequence[int]:
    used: Any = clear(row).get("history_ids")
    return used if isinstance(used, list) else ()


_BEGINS = """
INSERT INTO {schema}.windows (channel, character, begins, position) VALUES (%(channel)s, %(character)s, %(begins)s, %(position)s)
ON CONFLICT (channel, character) DO UPDATE SET begins = excluded.begins, position = excluded.position
"""
_LOAD = f"""
INSERT INTO {{schema}}.windows (channel, character, begins, position)
SELECT DISTINCT ON (e.channel, e.character) e.channel, e.character, (d.history_ids->>0)::bigint, e.position
{decoded("history_ids json", Windows.types)}
  AND e.channel IS NOT NULL AND e.character IS NOT NULL AND d.history_ids->>0 IS NOT NULL
ORDER BY e.channel, e.character, e.position DESC
ON CONFLICT (channel, character) DO UPDATE SET begins = excluded.begins, position = excluded.position
"""


async def begins(connection: AsyncConnection, channel: int, character: UUID, *, schema: str = "windows") -> int | None:
    """Position of the first entry in the last prompt of this conversation."""
    cursor = await connection.execute(
        sql("SELECT begins FROM {schema}.windows WHERE channel = %s AND character = %s", schema), (channel, character)
    )
    row = await cursor.fetchone()
    return row[0] if row else None


WINDOWS = Windows()
