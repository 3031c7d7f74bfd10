"""Where the last prompt of each conversation began, so that the next one begins with the same bytes."""

from collections.abc import Sequence
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, sql


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
        last = {(row.channel, row.character): (row.position, clear(row)["history_ids"]) for row in rows if row.channel and row.character}
        found = [
            {"channel": channel, "character": character, "begins": used[0], "position": position}
            for (channel, character), (position, used) in last.items()
            if isinstance(used, list) and used
        ]
        async with connection.cursor() as cursor:
            await cursor.executemany(sql(_BEGINS, schema), found)


_BEGINS = """
INSERT INTO {schema}.windows (channel, character, begins, position) VALUES (%(channel)s, %(character)s, %(begins)s, %(position)s)
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
