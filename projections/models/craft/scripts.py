"""Where the regex scripts of characters and servers stand in the log. Positions only."""

from collections.abc import Sequence
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections import unchanged
from projections.base import Projection, clear, sql


class Scripts(Projection):
    name = "scripts"
    version = 1
    types = frozenset({"scripts.set"})
    ddl = """
    CREATE TABLE {schema}.scripts (
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
INSERT INTO {schema}.scripts (scope, target, position) VALUES (%(scope)s, %(target)s, %(position)s)
ON CONFLICT (scope, target) DO UPDATE SET position = excluded.position
"""


async def of(connection: AsyncConnection, character: UUID | None, guild: int | None, *, schema: str = "scripts") -> list[int]:
    """Positions of what is set for a server and for a character, in the order in which it runs: the server's first."""
    statement = """
    SELECT position FROM {schema}.scripts WHERE (scope, target) IN (('character', %s), ('guild', %s)) ORDER BY scope = 'character'
    """
    found = await unchanged.rows(connection, [schema], sql(statement, schema), (str(character or "-"), str(guild or "-")))
    return [row[0] for row in found]


SCRIPTS = Scripts()
