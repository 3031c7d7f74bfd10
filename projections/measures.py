"""Measures of ended turns by hour or day, model, character and person: calls, tokens, cost, and percentiles of the time to an answer.

Reads a read model, owns none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from projections.base import sql

Axis = Literal["slot", "model", "character", "user"]
AXES: tuple[Axis, ...] = ("slot", "model", "character", "user")
_FORMATS = {"hour": "YYYY-MM-DD HH24", "day": "YYYY-MM-DD"}


@dataclass(frozen=True, slots=True)
class Only:
    """What measures are narrowed to; None takes all."""

    model: str | None = None
    character: UUID | None = None
    user: int | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """Ended turns of one value of an axis. A slot's key is `YYYY-MM-DD`, for hours with ` HH` (UTC).

    `calls` are attempts at an answer. `p50_ms` and `p95_ms` are of the time from a turn's request to its answer, the wait for a worker
    with it; None where no turn was answered. `unpriced` turns have no known cost.
    """

    axis: Axis
    key: str
    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    unpriced: int
    p50_ms: float | None
    p95_ms: float | None


# One pass over the turns for all axes: GROUPING says which of the four a row is of.
_MEASURES = """
WITH ended AS MATERIALIZED (
    SELECT to_char(ended_at AT TIME ZONE 'UTC', %(form)s) AS slot, coalesce(model, '') AS model, character::text AS character,
           user_id::text AS user_id, greatest(attempts, (status = 'completed')::int) AS attempts,
           greatest(attempts - (status <> 'failed')::int, 0) AS failed,
           coalesce((usage->>'prompt_tokens')::bigint, 0) AS prompt, coalesce((usage->>'completion_tokens')::bigint, 0) AS completion,
           (usage->>'cost')::numeric AS cost,
           CASE WHEN status = 'completed' THEN greatest(extract(epoch FROM ended_at - requested_at) * 1000, 0) END AS ms
    FROM {schema}.turns
    WHERE ended_at >= %(since)s AND (attempts > 0 OR status = 'completed') AND (%(model)s::text IS NULL OR model = %(model)s)
      AND (%(character)s::uuid IS NULL OR character = %(character)s) AND (%(user)s::bigint IS NULL OR user_id = %(user)s)
)
SELECT CASE 0 WHEN grouping(slot) THEN 'slot' WHEN grouping(model) THEN 'model'
              WHEN grouping(character) THEN 'character' ELSE 'user' END AS axis,
       coalesce(slot, model, character, user_id) AS key,
       sum(attempts)::bigint AS calls, sum(failed)::bigint AS failed, sum(prompt)::bigint AS prompt_tokens,
       sum(completion)::bigint AS completion_tokens, coalesce(sum(cost), 0)::float8 AS cost,
       count(*) FILTER (WHERE cost IS NULL) AS unpriced, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::float8 AS p50_ms,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY ms)::float8 AS p95_ms
FROM ended GROUP BY GROUPING SETS ((slot), (model), (character), (user_id)) ORDER BY 3 DESC, 2
"""


async def measures(
    connection: AsyncConnection, since: datetime, unit: Literal["hour", "day"], only: Only | None = None, *, schema: str = "turns"
) -> Mapping[Axis, Mapping[str, Measure]]:
    """Every axis with its values, those with the most calls first, of turns that ended since a moment. Reads the turns once."""
    only = only or Only()
    given = {"form": _FORMATS[unit], "since": since, "model": only.model, "character": only.character, "user": only.user}
    found: dict[Axis, dict[str, Measure]] = {axis: {} for axis in AXES}
    async with connection.cursor(row_factory=class_row(Measure)) as cursor:
        await cursor.execute(sql(_MEASURES, schema), given)
        for row in await cursor.fetchall():
            found[row.axis][row.key] = row
    return found
