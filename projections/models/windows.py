"""Where the prompts of each conversation begin, so that the next one begins with the same bytes. A window only moves forward: the
prompt of an older message, made again, does not take it back. What brings older talk back lets it begin anew."""

from collections.abc import Sequence
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, decoded, execute, sql

STARTED = "turn.generation_started"
WIDENS = ("channel.context_restored", "scene.presence_marked", "scene.narrator_chosen")
"""What may show a character more of what was said before."""


class Windows(Projection):
    name = "windows"
    version = 4
    types = frozenset({STARTED, *WIDENS})
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
        # A batch writes each conversation once.
        last: dict[tuple[int, UUID], dict[str, object]] = {}
        async with connection.cursor() as cursor:
            for row in rows:
                if row.type in WIDENS:
                    await cursor.executemany(sql(_BEGINS, schema), last.values())
                    await cursor.execute(sql(_ANEW, schema), {"channel": row.channel, "character": row.character})
                    last = {}
                elif row.channel is not None and row.character is not None and (begins := _begins(row)) is not None:
                    before = last.get((row.channel, row.character))
                    last[row.channel, row.character] = {
                        "channel": row.channel,
                        "character": row.character,
                        "begins": max(begins, int(str(before["begins"]))) if before else begins,
                        "position": row.position,
                    }
            await cursor.executemany(sql(_BEGINS, schema), last.values())

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The same by one statement; where an older form, or what widens a window, stands in the range, by `apply`."""
        cursor = await connection.execute(_OLDER, {"after": after, "until": until, "widens": list(WIDENS)})
        if (await cursor.fetchone() or (False,))[0]:
            return await self.fold(connection, schema, after, until, frozenset())
        await execute(connection, schema, _LOAD, after, until)
        return None


def _begins(row: Stored) -> int | None:
    """Where the window begins from this prompt on; None when it was a makeshift."""
    found: int | None = clear(row).get("begins")
    return found


_BEGINS = """
INSERT INTO {schema}.windows AS w (channel, character, begins, position) VALUES (%(channel)s, %(character)s, %(begins)s, %(position)s)
ON CONFLICT (channel, character) DO UPDATE SET begins = greatest(w.begins, excluded.begins), position = excluded.position
"""
_ANEW = """
DELETE FROM {schema}.windows
WHERE channel = %(channel)s AND (%(character)s::uuid IS NULL OR character = %(character)s::uuid)
"""
_OLDER = """
SELECT EXISTS (SELECT FROM events WHERE position > %(after)s AND position <= %(until)s AND (type = ANY(%(widens)s)
               OR (type = 'turn.generation_started' AND schema_version < 2)))
"""
_LOAD = f"""
INSERT INTO {{schema}}.windows AS w (channel, character, begins, position)
SELECT e.channel, e.character, max(d.begins), max(e.position)
{decoded("begins bigint", [STARTED])}
  AND e.channel IS NOT NULL AND e.character IS NOT NULL AND d.begins IS NOT NULL
GROUP BY e.channel, e.character
ON CONFLICT (channel, character) DO UPDATE SET begins = greatest(w.begins, excluded.begins), position = excluded.position
"""


async def begins(connection: AsyncConnection, channel: int, character: UUID, *, schema: str = "windows") -> int | None:
    """Position of the first entry in the last prompt of this conversation."""
    cursor = await connection.execute(
        sql("SELECT begins FROM {schema}.windows WHERE channel = %s AND character = %s", schema), (channel, character)
    )
    row = await cursor.fetchone()
    return row[0] if row else None


WINDOWS = Windows()
