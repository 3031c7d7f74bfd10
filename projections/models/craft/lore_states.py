"""What each turn's prompt left running of lorebooks: sticky, resting and frozen entries, as its record says."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, execute, sql

SECTION = "lore"
ASKED = "m:"
"""How the reference begins that names the position of the message a prompt is for; it stands only where something runs."""
RUNNING = ("t:", "f:")
"""How references begin that say what runs on."""


class LoreStates(Projection):
    name = "lore_states"
    version = 1
    types = frozenset({"turn.generation_started"})
    ddl = """
    CREATE TABLE {schema}.states (
        turn uuid PRIMARY KEY,
        channel bigint NOT NULL,
        character uuid NOT NULL,
        asked bigint NOT NULL,
        refs text[] NOT NULL,
        position bigint NOT NULL
    );
    CREATE INDEX ON {schema}.states (channel, character, asked);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            if (values := _state(row)) is not None:
                await connection.execute(sql(_SAVE.format(source=_VALUES, schema="{schema}"), schema), values)

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The same by one statement: few prompts have lore in them, and only those are looked into."""
        await execute(connection, schema, _SAVE.format(source=_FROM_LOG, schema="{schema}"), after, until)


def _state(row: Stored) -> dict[str, Any] | None:
    if b'"name":"lore"' not in row.data or row.turn is None or row.channel is None or row.character is None:
        return None
    refs = [ref for section in clear(row)["sections"] if section["name"] == SECTION for ref in section["refs"]]
    asked = next((int(ref.removeprefix(ASKED)) for ref in refs if ref.startswith(ASKED)), None)
    if asked is None:
        return None
    running = [ref for ref in refs if ref.startswith(RUNNING)]
    return {
        "turn": row.turn,
        "channel": row.channel,
        "character": row.character,
        "asked": asked,
        "refs": running,
        "position": row.position,
    }


_SAVE = """
INSERT INTO {schema}.states (turn, channel, character, asked, refs, position) {source}
ON CONFLICT (turn) DO UPDATE SET asked = excluded.asked, refs = excluded.refs, position = excluded.position
"""
_VALUES = "VALUES (%(turn)s, %(channel)s, %(character)s, %(asked)s, %(refs)s::text[], %(position)s)"
_FROM_LOG = """
SELECT DISTINCT ON (e.turn) e.turn, e.channel, e.character, m.asked, m.refs, e.position
FROM events e CROSS JOIN LATERAL (
    SELECT max(substr(ref, 3)::bigint) FILTER (WHERE ref LIKE 'm:%%') AS asked,
           coalesce(array_agg(ref ORDER BY n, o) FILTER (WHERE ref LIKE 't:%%' OR ref LIKE 'f:%%'), '{{}}') AS refs
    FROM json_array_elements(convert_from(e.data, 'UTF8')::json -> 'sections') WITH ORDINALITY AS s (section, n),
         json_array_elements_text(s.section -> 'refs') WITH ORDINALITY AS r (ref, o)
    WHERE s.section ->> 'name' = 'lore') AS m
WHERE e.position > %(after)s AND e.position <= %(until)s AND e.type = 'turn.generation_started'
  AND position('"name":"lore"'::bytea IN e.data) > 0 AND m.asked IS NOT NULL
  AND e.turn IS NOT NULL AND e.channel IS NOT NULL AND e.character IS NOT NULL
ORDER BY e.turn, e.position DESC
"""


async def before(connection: AsyncConnection, channel: int, character: UUID, asked: int, *, schema: str = "lore_states") -> tuple[str, ...]:
    """What ran on after the last message before the one at position `asked`: of its replies the shown one counts.

    Where the channel goes on from another, also what ran on there after what it has taken over: the reply counts that it took.
    """
    statement = """
    SELECT refs FROM (
        (SELECT s.refs, s.asked FROM {schema}.states s LEFT JOIN history.entries e ON e.turn = s.turn
         WHERE s.channel = %(channel)s AND s.character = %(character)s AND s.asked < %(asked)s
         ORDER BY s.asked DESC, coalesce(e.live AND NOT e.gone, false) DESC, s.position DESC LIMIT 1)
        UNION ALL
        (SELECT s.refs, s.asked FROM forks.lines f JOIN history.entries e ON e.position = f.position
         JOIN {schema}.states s ON s.turn = e.turn
         WHERE f.channel = %(channel)s AND e.kind = 'reply' AND s.character = %(character)s ORDER BY s.asked DESC, s.position DESC LIMIT 1)
    ) AS ran ORDER BY asked DESC LIMIT 1
    """
    cursor = await connection.execute(sql(statement, schema), {"channel": channel, "character": character, "asked": asked})
    row = await cursor.fetchone()
    return tuple(row[0]) if row else ()


LORE_STATES = LoreStates()
