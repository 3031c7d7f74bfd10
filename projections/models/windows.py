"""Where the last prompt of each conversation began, so that the next one begins with the same bytes."""

from collections.abc import Sequence
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, decoded, execute, sql


class Windows(Projection):
    name = "windows"
    version = 2
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
            (row.channel, row.character): {"channel": row.channel, "character": row.character, "begins": begins, "position": row.position}
            for row in rows
            if row.channel is not None and row.character is not None and (begins := _begins(row)) is not None
        }
        async with connection.cursor() as cursor:
            await cursor.executemany(sql(_BEGINS, schema), last.values())

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The same by one statement; where an older form stands in the range, by `apply`."""
        cursor = await connection.execute(_OLDER, {"after": after, "until": until})
        if (await cursor.fetchone() or (False,))[0]:
            return await self.fold(connection, schema, after, until, frozenset())
        await execute(connection, schema, _LOAD, after, until)
        return None


def _begins(row: Stored) -> int | None:
    """Where the window begins from this prompt on; None when it was a makeshift."""
    found: int | None = clear(row).get("begins")
    return found


_BEGINS = """
INSERT INTO {schema}.windows (channel, character, begins, position) VALUES (%(channel)s, %(character)s, %(begins)s, %(position)s)
ON CONFLICT (channel, character) DO UPDATE SET begins = excluded.begins, position = excluded.position
"""
_OLDER = """
SELECT EXISTS (SELECT FROM events WHERE position > %(after)s AND position <= %(until)s AND type = 'turn.generation_started'
               AND schema_version < 2)
"""
_LOAD = f"""
INSERT INTO {{schema}}.windows (channel, character, begins, position)
SELECT DISTINCT ON (e.channel, e.character) e.channel, e.character, d.begins, e.position
{decoded("begins bigint", Windows.types)}
  AND e.channel IS NOT NULL AND e.character IS NOT NULL AND d.begins IS NOT NULL
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
