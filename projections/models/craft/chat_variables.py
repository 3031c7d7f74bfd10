"""Which prompts left variables of a character's macros for the next one of the conversation. The values stand in the log, sealed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections import unchanged
from projections.base import Projection, clear, execute, sql

SECTION = "variables"
ASKED = "m:"
"""How the reference begins that names the position of the message a prompt is for."""


class ChatVariables(Projection):
    name = "chat_variables"
    version = 1
    types = frozenset({"turn.generation_started"})
    ddl = """
    CREATE TABLE {schema}.kept (
        turn uuid PRIMARY KEY,
        channel bigint NOT NULL,
        character uuid NOT NULL,
        asked bigint NOT NULL,
        position bigint NOT NULL
    );
    CREATE INDEX ON {schema}.kept (channel, character, asked);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            if (values := _kept(row)) is not None:
                await connection.execute(sql(_SAVE.format(source=_VALUES, schema="{schema}"), schema), values)

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The same by one statement: few prompts keep anything, and only those are looked into."""
        await execute(connection, schema, _SAVE.format(source=_FROM_LOG, schema="{schema}"), after, until)


def _kept(row: Stored) -> dict[str, Any] | None:
    if b'"keeps":' not in row.data or row.turn is None or row.channel is None or row.character is None:
        return None
    started = clear(row)
    refs = [ref for section in started["sections"] if section["name"] == SECTION for ref in section["refs"]]
    asked = next((int(ref.removeprefix(ASKED)) for ref in refs if ref.startswith(ASKED)), None)
    if not started["keeps"] or asked is None:
        return None
    return {"turn": row.turn, "channel": row.channel, "character": row.character, "asked": asked, "position": row.position}


_SAVE = """
INSERT INTO {schema}.kept (turn, channel, character, asked, position) {source}
ON CONFLICT (turn) DO UPDATE SET asked = excluded.asked, position = excluded.position
"""
_VALUES = "VALUES (%(turn)s, %(channel)s, %(character)s, %(asked)s, %(position)s)"
_FROM_LOG = """
SELECT DISTINCT ON (e.turn) e.turn, e.channel, e.character, m.asked, e.position
FROM events e CROSS JOIN LATERAL (
    SELECT max(substr(ref, 3)::bigint) AS asked
    FROM json_array_elements(convert_from(e.data, 'UTF8')::json -> 'sections') AS s (section),
         json_array_elements_text(s.section -> 'refs') AS r (ref)
    WHERE s.section ->> 'name' = 'variables' AND ref LIKE 'm:%%') AS m
WHERE e.position > %(after)s AND e.position <= %(until)s AND e.type = 'turn.generation_started'
  AND position('"keeps":'::bytea IN e.data) > 0 AND m.asked IS NOT NULL
  AND (convert_from(e.data, 'UTF8')::json ->> 'keeps')::bigint > 0
  AND e.turn IS NOT NULL AND e.channel IS NOT NULL AND e.character IS NOT NULL
ORDER BY e.turn, e.position DESC
"""


async def before(connection: AsyncConnection, channel: int, character: UUID, asked: int, *, schema: str = "chat_variables") -> int | None:
    """Position of the call that left the variables which hold at the message at `asked`: of an earlier message's replies the shown one.

    Where the channel goes on from another, also what a reply left that it has taken over.
    """
    if not await unchanged.rows(connection, [schema], sql("SELECT 1 FROM {schema}.kept LIMIT 1", schema), ()):
        return None
    statement = """
    SELECT position FROM (
        (SELECT k.position, k.asked FROM {schema}.kept k JOIN history.entries e ON e.turn = k.turn
         WHERE k.channel = %(channel)s AND k.character = %(character)s AND k.asked < %(asked)s
         ORDER BY k.asked DESC, (e.live AND NOT e.gone) DESC, k.position DESC LIMIT 1)
        UNION ALL
        (SELECT k.position, k.asked FROM forks.lines f JOIN history.entries e ON e.position = f.position
         JOIN {schema}.kept k ON k.turn = e.turn
         WHERE f.channel = %(channel)s AND e.kind = 'reply' AND k.character = %(character)s ORDER BY k.asked DESC, k.position DESC LIMIT 1)
    ) AS left_behind ORDER BY asked DESC LIMIT 1
    """
    cursor = await connection.execute(sql(statement, schema), {"channel": channel, "character": character, "asked": asked})
    row = await cursor.fetchone()
    return int(row[0]) if row else None


CHAT_VARIABLES = ChatVariables()
