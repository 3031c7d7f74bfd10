"""Where the log says what messages point to, and what that says by now: positions only, no text is opened."""

from collections.abc import Collection, Sequence
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, sql
from projections.models.memories.memory_scope import FORGOTTEN
from projections.models.places.scenes import visible


class Quotes(Projection):
    name = "quotes"
    version = 2
    types = frozenset({"message.quoted", "message.edited", "message.deleted"})
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
        edit bigint,
        PRIMARY KEY (message_id, number)
    );
    CREATE INDEX ON {schema}.quotes (quoted_id);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            await connection.execute(sql(_STATEMENTS[row.type], schema), clear(row) | {"position": row.position})


_QUOTED = """
INSERT INTO {schema}.quotes (message_id, number, asked_by, guild, quoted_id, quoted_channel, author_id, position)
VALUES (%(message_id)s, %(number)s, %(author_id)s, %(guild_id)s, %(quoted_id)s, %(quoted_channel_id)s, %(quoted_author_id)s, %(position)s)
ON CONFLICT DO NOTHING
"""
_EDITED = "UPDATE {schema}.quotes SET edit = %(position)s WHERE quoted_id = %(message_id)s"
_DELETED = "DELETE FROM {schema}.quotes WHERE quoted_id = %(message_id)s OR message_id = %(message_id)s"

_STATEMENTS = {"message.quoted": _QUOTED, "message.edited": _EDITED, "message.deleted": _DELETED}

# What somebody says who is blocked there is shown to no model (H1), nor what they had forgotten; what was read is for who pointed there
# alone (A8); and no link brings to a character what was said in its absence, or whispered to another (A18).
_POINTED = f"""
SELECT q.message_id, q.position, coalesce(q.edit, CASE WHEN e.kind = 'reply' AND e.live AND e.position > q.position THEN e.position END)
FROM {{schema}}.quotes q
LEFT JOIN LATERAL (
    SELECT m.* FROM history.entries m WHERE m.message_id = q.quoted_id AND m.kind = 'message'
    UNION ALL
    SELECT t.* FROM history.reply_messages r JOIN history.entries t ON t.turn = r.turn WHERE r.message_id = q.quoted_id
    LIMIT 1) AS e ON true
WHERE q.message_id = ANY(%(messages)s) AND q.asked_by = %(user)s AND q.quoted_id <> ALL(%(shown)s)
  AND (e.character = %(reader)s
       OR {visible(channel="q.quoted_channel", reader="%(reader)s::uuid", message="coalesce(e.message_id, e.reply_to, q.quoted_id)")})
  AND (e.position IS NULL OR NOT {FORGOTTEN})
  AND NOT EXISTS (SELECT 1 FROM access.denials d WHERE d.user_id = q.author_id AND d.mode = 'block' AND (d.scope, d.target) IN
      (('bot', ''), ('guild', coalesce(q.guild::text, '-')), ('channel', q.quoted_channel::text), ('character', %(reader)s::text)))
ORDER BY q.message_id, q.number
"""


async def pointed_to(
    connection: AsyncConnection, messages: Collection[int], *, user: int | None, reader: UUID, schema: str = "quotes"
) -> dict[int, tuple[int, ...]]:
    """Message id -> positions of what it points to, in its order, each followed by that of its text of now where that is another.

    For an answer to `user` by `reader`, without what these messages are themselves.
    """
    if user is None or not messages:
        return {}
    parameters = {"messages": list(messages), "shown": list(messages), "user": user, "reader": reader}
    cursor = await connection.execute(sql(_POINTED, schema), parameters)
    found = dict[int, tuple[int, ...]]()
    for message, position, later in await cursor.fetchall():
        found[message] = (*found.get(message, ()), position, *([] if later is None else [later]))
    return found


async def is_quoted(connection: AsyncConnection, message_id: int, *, schema: str = "quotes") -> bool:
    """Whether something that was read points to this message."""
    cursor = await connection.execute(sql("SELECT 1 FROM {schema}.quotes WHERE quoted_id = %s LIMIT 1", schema), (message_id,))
    return await cursor.fetchone() is not None


QUOTES = Quotes()
