"""When each preset and each persona was used last, to the hour, by the calls that were made with them.

Of characters the sums of their turns say it: projections.measures.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, decoded, execute, sql

STARTED = "turn.generation_started"
SAID = ("persona.created", "persona.edited")
"""What a prompt names a persona by: the position of its last change."""
_WORN = re.compile(r"[ic]:([0-9]{1,18})")
"""A reference of the section `profile` to the persona that somebody is."""


class LastUses(Projection):
    name = "last_uses"
    version = 1
    types = frozenset({STARTED, *SAID})
    ddl = """
    CREATE TABLE {schema}.uses (
        thing uuid PRIMARY KEY,
        hour timestamptz NOT NULL
    );
    CREATE TABLE {schema}.said (
        position bigint PRIMARY KEY,
        persona uuid NOT NULL
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        said = [{"position": row.position, "persona": clear(row)["persona_id"]} for row in rows if row.type in SAID]
        used = [one for row in rows if row.type == STARTED for one in _used(row)]
        async with connection.cursor() as cursor:
            if said:
                await cursor.executemany(sql(_SAID, schema), said)
            if used:
                await cursor.execute(sql(_USED, schema), {"rows": orjson.dumps(used).decode()})

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The same by one statement for each kind."""
        await execute(connection, schema, _LOAD_SAID, after, until)
        await execute(connection, schema, _LOAD_PRESETS, after, until)
        await execute(connection, schema, _LOAD_PERSONAS, after, until)


def _used(row: Stored) -> list[dict[str, Any]]:
    """What a call was made with: a preset by its id, a persona by its position."""
    data = clear(row)
    found: list[dict[str, Any]] = [{"preset": data["preset_id"], "at": row.occurred_at}] if data.get("preset_id") else []
    if b'"name":"profile"' in row.data:
        refs = [ref for section in data.get("sections") or () if section["name"] == "profile" for ref in section.get("refs") or ()]
        found += [{"position": int(ref[1]), "seen": row.position, "at": row.occurred_at} for ref in map(_WORN.fullmatch, refs) if ref]
    return found


_SAID = "INSERT INTO {schema}.said (position, persona) VALUES (%(position)s, %(persona)s) ON CONFLICT DO NOTHING"
_INTO = "INSERT INTO {schema}.uses AS u (thing, hour)"
# Within an hour nothing is written again.
_ADD = "ON CONFLICT (thing) DO UPDATE SET hour = excluded.hour WHERE u.hour < excluded.hour"
_HOUR = "date_trunc('hour', max({at}), 'UTC')"
_USED = f"""{_INTO}
SELECT coalesce(r.preset, s.persona), {_HOUR.format(at="r.at")}
FROM json_to_recordset(%(rows)s) AS r(preset uuid, position bigint, seen bigint, at timestamptz)
    LEFT JOIN {{schema}}.said s ON s.position = r.position AND s.position < r.seen
WHERE coalesce(r.preset, s.persona) IS NOT NULL GROUP BY 1 {_ADD}
"""
_LOAD_SAID = f"""
INSERT INTO {{schema}}.said (position, persona) SELECT e.position, d.persona_id {decoded("persona_id uuid", SAID)} ON CONFLICT DO NOTHING
"""
_LOAD_PRESETS = f"""{_INTO}
SELECT d.preset_id, {_HOUR.format(at="e.occurred_at")} {decoded("preset_id uuid", [STARTED])}
  AND d.preset_id IS NOT NULL GROUP BY 1 {_ADD}
"""
_LOAD_PERSONAS = f"""{_INTO}
SELECT p.persona, {_HOUR.format(at="f.at")} FROM (
    SELECT substr(r.ref, 3)::bigint AS position, e.position AS seen, e.occurred_at AS at
    FROM events e
        CROSS JOIN LATERAL json_to_recordset(convert_from(e.data, 'UTF8')::json -> 'sections') AS s(name text, refs json)
        CROSS JOIN LATERAL json_array_elements_text(CASE WHEN s.name = 'profile' THEN s.refs ELSE '[]' END) AS r(ref)
    WHERE e.position > %(after)s AND e.position <= %(until)s AND e.type = '{STARTED}'
      AND position('"name":"profile"'::bytea IN e.data) > 0 AND r.ref ~ '^[ic]:[0-9]{{1,18}}$'
) AS f JOIN {{schema}}.said p ON p.position = f.position AND p.position < f.seen GROUP BY 1 {_ADD}
"""


async def last_used(connection: AsyncConnection, thing: UUID, *, schema: str = "last_uses") -> datetime | None:
    """The hour in which a preset or a persona was used last; None for one that never was."""
    row = await (await connection.execute(sql("SELECT hour FROM {schema}.uses WHERE thing = %s", schema), (thing,))).fetchone()
    return row[0] if row else None


LAST_USES = LastUses()
