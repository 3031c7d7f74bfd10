"""Where the log says what messages point to: positions only, no text is opened."""

from collections.abc import Collection, Sequence
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, sql


class Quotes(Projection):
    name = "quotes"
    version = 1
    types = frozenset({"message.quoted", "message.deleted"})
    ddl = """
    CREATE TABLE {schema}.quotes (
        message_id bigint NOT NULL,
        number integer NOT NULL,
        asked_by bigint NOT NULL,
        guild bigint,
        quoted_id bigint NOT NULL,
        quoted_channel bigint NOT NULL,
        author_id bigint NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (message_id, number)
    );
    CREATE INDEX ON {schema}.quotes (quoted_id);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            statement = _QUOTED if row.type == "message.quoted" else _DELETED
            await connection.execute(sql(statement, schema), clear(row) | {"position": row.position})


_QUOTED = """
INSERT INTO {schema}.quotes (message_id, number, asked_by, guild, quoted_id, quoted_channel, author_id, position)
VALUES (%(message_id)s, %(number)s, %(author_id)s, %(guild_id)s, %(quoted_id)s, %(quoted_channel_id)s, %(quoted_author_id)s, %(position)s)
ON CONFLICT DO NOTHING
"""
_DELETED = "DELETE FROM {schema}.quotes WHERE quoted_id = %(message_id)s OR message_id = %(message_id)s"

# What somebody says who is blocked there is shown to no model (H1); what was read is for who pointed there alone (A8).
_POINTED = """
SELECT q.message_id, array_agg(q.position ORDER BY q.number) FROM {schema}.quotes q
WHERE q.message_id = ANY(%(messages)s) AND q.asked_by = %(user)s AND q.quoted_id <> ALL(%(shown)s)
  AND NOT EXISTS (SELECT 1 FROM access.denials d WHERE d.user_id = q.author_id AND d.mode = 'block' AND (d.scope, d.target) IN
      (('bot', ''), ('guild', coalesce(q.guild::text, '-')), ('channel', q.quoted_channel::text), ('character', %(reader)s::text)))
GROUP BY q.message_id
"""


async def pointed_to(
    connection: AsyncConnection, messages: Collection[int], *, user: int | None, reader: UUID, schema: str = "quotes"
) -> dict[int, tuple[int, ...]]:
    """Message id -> positions of what it points to, in its order: for an answer to `user` by `reader`, without what these messages are."""
    if user is None or not messages:
        return {}
    parameters = {"messages": list(messages), "shown": list(messages), "user": user, "reader": reader}
    cursor = await connection.execute(sql(_POINTED, schema), parameters)
    return {row[0]: tuple(row[1]) for row in await cursor.fetchall()}


async def is_quoted(connection: AsyncConnection, message_id: int, *, schema: str = "quotes") -> bool:
    """Whether something that was read points to this message."""
    cursor = await connection.execute(sql("SELECT 1 FROM {schema}.quotes WHERE quoted_id = %s LIMIT 1", schema), (message_id,))
    return await cursor.fetchone() is not None


QUOTES = Quotes()
