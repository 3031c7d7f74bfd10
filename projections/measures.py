"""Measures of ended turns by hour or day, model, character and person: calls, tokens, cost, and percentiles of the time to an answer.

Reads a read model, owns none: of everything its sums, of what is narrowed to something the turns themselves.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from projections import turn_sums
from projections.base import sql
from projections.turn_sums import COUNTED, FORMATS, WORTH

Axis = Literal["slot", "model", "character", "user"]
AXES: tuple[Axis, ...] = ("slot", "model", "character", "user")
Unit = Literal["hour", "day"]
_SLOTS: Mapping[Unit, str] = {"hour": "%Y-%m-%d %H", "day": "%Y-%m-%d"}


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
    with it; None where no turn was answered, and for persons where nothing is narrowed (`times_of` has them). From sums they are right
    to some 5 %. `unpriced` turns have no known cost.
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


async def last_used(connection: AsyncConnection, character: UUID, *, schema: str = "turns") -> datetime | None:
    """The hour in which a character answered last; None for one that never did. The newest sums are looked at first."""
    statement = """
    SELECT slot FROM {schema}.sums WHERE unit = 'hour' AND axis = 'character' AND key = %s ORDER BY unit DESC, axis DESC, slot DESC LIMIT 1
    """
    row = await (await connection.execute(sql(statement, schema), (str(character),))).fetchone()
    return datetime.strptime(row[0], _SLOTS["hour"]).replace(tzinfo=UTC) if row else None


_SUMS = """
WITH classes AS (
    SELECT axis, key, class, sum(turns) AS turns, sum(calls) AS calls, sum(failed) AS failed, sum(prompt_tokens) AS prompt_tokens,
           sum(completion_tokens) AS completion_tokens, sum(cost) AS cost, sum(unpriced) AS unpriced
    FROM {schema}.sums WHERE unit = %(unit)s AND axis = ANY(%(axes)s) AND slot >= %(slot)s GROUP BY 1, 2, 3
)
SELECT axis, key, sum(calls)::bigint AS calls, sum(failed)::bigint AS failed, sum(prompt_tokens)::bigint AS prompt_tokens,
       sum(completion_tokens)::bigint AS completion_tokens, sum(cost)::float8 AS cost, sum(unpriced)::bigint AS unpriced,
       array_agg(class ORDER BY class) AS classes, array_agg(turns::bigint ORDER BY class) AS turns
FROM classes GROUP BY 1, 2 ORDER BY 3 DESC, 2
"""
# One pass over the turns for all axes: GROUPING says which of the four a row is of.
_MEASURES = f"""
WITH ended AS MATERIALIZED (
    SELECT to_char(t.ended_at AT TIME ZONE 'UTC', %(form)s) AS slot, coalesce(t.model, '') AS model, t.character::text AS character,
           t.user_id::text AS user_id, {COUNTED}
    FROM {{schema}}.turns t
    WHERE t.ended_at >= %(since)s AND {WORTH} AND (%(model)s::text IS NULL OR t.model = %(model)s)
      AND (%(character)s::uuid IS NULL OR t.character = %(character)s) AND (%(user)s::bigint IS NULL OR t.user_id = %(user)s)
)
SELECT CASE 0 WHEN grouping(slot) THEN 'slot' WHEN grouping(model) THEN 'model'
              WHEN grouping(character) THEN 'character' ELSE 'user' END AS axis,
       coalesce(slot, model, character, user_id) AS key,
       sum(calls)::bigint AS calls, sum(failed)::bigint AS failed, sum(prompt_tokens)::bigint AS prompt_tokens,
       sum(completion_tokens)::bigint AS completion_tokens, coalesce(sum(cost), 0)::float8 AS cost,
       count(*) FILTER (WHERE cost IS NULL) AS unpriced, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::float8 AS p50_ms,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY ms)::float8 AS p95_ms
FROM ended GROUP BY GROUPING SETS ((slot), (model), (character), (user_id)) ORDER BY 3 DESC, 2
"""
_TIMES = f"""
SELECT user_id::text, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::float8, percentile_cont(0.95) WITHIN GROUP (ORDER BY ms)::float8
FROM (SELECT t.user_id, {COUNTED} FROM {{schema}}.turns t
      WHERE t.user_id = ANY(%(users)s) AND t.ended_at >= %(since)s AND t.status = 'completed') AS answered
GROUP BY user_id
"""


async def measures(
    connection: AsyncConnection, since: datetime, unit: Unit, only: Only | None = None, *, schema: str = "turns"
) -> Mapping[Axis, Mapping[str, Measure]]:
    """Every axis with its values, those with the most calls first, of turns that ended since the beginning of an hour or a day."""
    if only is None or only == Only():
        rows = await _of_sums(connection, since, unit, schema)
    else:
        rows = await _of_turns(connection, since, unit, only, schema)
    found: dict[Axis, dict[str, Measure]] = {axis: {} for axis in AXES}
    for row in rows:
        found[row.axis][row.key] = row
    return found


async def times_of(
    connection: AsyncConnection, since: datetime, users: Collection[int], *, schema: str = "turns"
) -> dict[str, tuple[float, float]]:
    """Person -> (p50, p95) of the time to an answer in ms, of turns that ended since a moment; without those who got none."""
    cursor = await connection.execute(sql(_TIMES, schema), {"users": list(users), "since": since})
    return {key: (p50, p95) for key, p50, p95 in await cursor.fetchall()}


async def _of_sums(connection: AsyncConnection, since: datetime, unit: Unit, schema: str) -> list[Measure]:
    given = {"unit": unit, "slot": f"{since.astimezone(UTC):{_SLOTS[unit]}}", "axes": list(AXES)}
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql(_SUMS, schema), given)
        return [_measure(row) for row in await cursor.fetchall()]


def _measure(row: dict[str, Any]) -> Measure:
    classes = list(zip(row.pop("classes"), row.pop("turns"), strict=True))
    return Measure(**row, p50_ms=turn_sums.percentile(classes, 0.5), p95_ms=turn_sums.percentile(classes, 0.95))


async def _of_turns(connection: AsyncConnection, since: datetime, unit: Unit, only: Only, schema: str) -> list[Measure]:
    given = {"form": FORMATS[unit], "since": since, "model": only.model, "character": only.character, "user": only.user}
    async with connection.cursor(row_factory=class_row(Measure)) as cursor:
        await cursor.execute(sql(_MEASURES, schema), given)
        return await cursor.fetchall()
