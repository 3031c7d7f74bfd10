"""Where the notes of characters and channels stand in the log. Positions only."""

from collections.abc import Sequence
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections import unchanged
from projections.base import Projection, clear, sql


class Notes(Projection):
    name = "notes"
    version = 1
    types = frozenset({"note.set"})
    ddl = """
    CREATE TABLE {schema}.notes (
        scope text COLLATE "C" NOT NULL,
        target text COLLATE "C" NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (scope, target)
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            await connection.execute(sql(_SET, schema), clear(row) | {"position": row.position})


_SET = """
INSERT INTO {schema}.notes (scope, target, position) VALUES (%(scope)s, %(target)s, %(position)s)
ON CONFLICT (scope, target) DO UPDATE SET position = excluded.position
"""


async def of(connection: AsyncConnection, character: UUID | None, channel: int | None, *, schema: str = "notes") -> list[int]:
    """Positions of what is set for a character and for a channel, the character's first."""
    statement = """
    SELECT position FROM {schema}.notes WHERE (scope, target) IN (('character', %s), ('channel', %s)) ORDER BY scope = 'channel'
    """
    found = await unchanged.rows(connection, [schema], sql(statement, schema), (str(character or "-"), str(channel or "-")))
    return [row[0] for row in found]


NOTES = Notes()
