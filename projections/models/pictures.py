"""Where the log says what pictures show and what is said in voice messages: positions only, no text is opened."""

from collections.abc import Collection, Sequence

from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, sql


class Pictures(Projection):
    name = "pictures"
    version = 2
    types = frozenset({"message.picture_described", "message.voice_transcribed"})
    ddl = """
    CREATE TABLE {schema}.pictures (
        message_id bigint NOT NULL,
        number integer NOT NULL,
        picture text NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (message_id, number)
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            data = clear(row)
            await connection.execute(sql(_DESCRIBED, schema), {"picture": data.get("voice"), **data, "position": row.position})


_DESCRIBED = """
INSERT INTO {schema}.pictures (message_id, number, picture, position) VALUES (%(message_id)s, %(number)s, %(picture)s, %(position)s)
ON CONFLICT (message_id, number) DO UPDATE SET picture = excluded.picture, position = excluded.position
"""


async def described(connection: AsyncConnection, messages: Collection[int], *, schema: str = "pictures") -> dict[int, tuple[int, ...]]:
    """Message id -> positions of the descriptions of its pictures and of its transcripts, in the order of its files."""
    statement = """
    SELECT message_id, array_agg(position ORDER BY number) FROM {schema}.pictures WHERE message_id = ANY(%s) GROUP BY message_id
    """
    cursor = await connection.execute(sql(statement, schema), (list(messages),))
    return {row[0]: tuple(row[1]) for row in await cursor.fetchall()}


PICTURES = Pictures()
