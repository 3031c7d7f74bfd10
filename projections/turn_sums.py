"""Sums of ended turns by hour and by day, of each model, character and person, with a histogram of the time to an answer.

Tables of the read model `turns`, which adds to them once, when a turn ends: a page over 90 days reads some thousand rows, not every turn.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from psycopg import AsyncConnection

from projections.base import sql

STEP = 1.1
"""Each class of the histogram begins at this many times the beginning of the one before; the first at 1 ms."""
NO_TIME = -1
"""The class of turns without an answer, and of all that are summed by person: their times are read from the turns themselves."""
DDL = """
    CREATE TABLE {schema}.sums (
        unit text COLLATE "C" NOT NULL,
        axis text COLLATE "C" NOT NULL,
        slot text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        class integer NOT NULL,
        turns bigint NOT NULL,
        calls bigint NOT NULL,
        failed bigint NOT NULL,
        prompt_tokens bigint NOT NULL,
        completion_tokens bigint NOT NULL,
        cost numeric NOT NULL,
        unpriced bigint NOT NULL,
        PRIMARY KEY (unit, axis, slot, key, class)
    );
"""
FORMATS: Mapping[str, str] = {"hour": "YYYY-MM-DD HH24", "day": "YYYY-MM-DD"}
"""Unit of time -> its slots as `to_char` writes them, in UTC."""
WORTH = "(t.attempts > 0 OR t.status = 'completed')"
"""What is counted: whatever asked a provider, or was answered."""
COUNTED = """
    greatest(t.attempts, (t.status = 'completed')::int) AS calls,
    greatest(t.attempts - (t.status <> 'failed')::int, 0) AS failed,
    coalesce((t.usage->>'prompt_tokens')::bigint, 0) AS prompt_tokens,
    coalesce((t.usage->>'completion_tokens')::bigint, 0) AS completion_tokens,
    (t.usage->>'cost')::numeric AS cost,
    CASE WHEN t.status = 'completed' THEN greatest(extract(epoch FROM t.ended_at - t.requested_at) * 1000, 0)::float8 END AS ms
"""
"""What one turn comes to: `calls` are attempts at an answer, `ms` from the request to the answer with the wait for a worker."""
_ADD = f"""
INSERT INTO {{schema}}.sums AS s (unit, axis, slot, key, class, turns, calls, failed, prompt_tokens, completion_tokens, cost, unpriced)
SELECT u.unit, a.axis, u.slot, a.key,
       CASE WHEN a.timed AND e.ms IS NOT NULL THEN floor(ln(greatest(e.ms, 1)) / ln({STEP}))::int ELSE {NO_TIME} END,
       count(*), sum(e.calls), sum(e.failed), sum(e.prompt_tokens), sum(e.completion_tokens), coalesce(sum(e.cost), 0),
       count(*) FILTER (WHERE e.cost IS NULL)
FROM (SELECT t.ended_at, coalesce(t.model, '') AS model, t.character, t.user_id, {COUNTED}
      FROM {{schema}}.turns t WHERE {{which}} AND {WORTH}) AS e
    CROSS JOIN LATERAL (VALUES ('hour', to_char(e.ended_at AT TIME ZONE 'UTC', '{FORMATS["hour"]}')),
                               ('day', to_char(e.ended_at AT TIME ZONE 'UTC', '{FORMATS["day"]}'))) AS u(unit, slot)
    CROSS JOIN LATERAL (VALUES ('slot', u.slot, true), ('model', e.model, true), ('character', e.character::text, true),
                               ('user', e.user_id::text, false)) AS a(axis, key, timed)
GROUP BY 1, 2, 3, 4, 5
ON CONFLICT (unit, axis, slot, key, class) DO UPDATE SET turns = s.turns + excluded.turns, calls = s.calls + excluded.calls,
    failed = s.failed + excluded.failed, prompt_tokens = s.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = s.completion_tokens + excluded.completion_tokens, cost = s.cost + excluded.cost,
    unpriced = s.unpriced + excluded.unpriced
"""
_THESE = _ADD.replace("{which}", "t.turn = ANY(%(turns)s) AND t.ended_position = ANY(%(ends)s)")
_BETWEEN = _ADD.replace("{which}", "t.ended_position > %(after)s AND t.ended_position <= %(until)s")


async def add(connection: AsyncConnection, schema: str, ends: Mapping[int, UUID]) -> None:
    """Count the turns that ended at some positions. One that had ended before, or was not asked for yet, did not."""
    if ends:
        await connection.execute(sql(_THESE, schema), {"turns": list(ends.values()), "ends": list(ends)})


async def add_between(connection: AsyncConnection, schema: str, after: int, until: int) -> None:
    """Count every turn whose end stands between two positions."""
    await connection.execute(sql(_BETWEEN, schema), {"after": after, "until": until}, prepare=False)


def percentile(classes: Sequence[tuple[int, int]], share: float) -> float | None:
    """The time in ms that a share of turns (0 to 1) stays below, from (class, turns) in order of class; None without any. Pure.

    Within a class its turns are taken as spread evenly over its logarithm: off by half a STEP at most, some 5 %.
    """
    timed = [(number, turns) for number, turns in classes if number != NO_TIME and turns > 0]
    wanted = share * sum(turns for _, turns in timed)
    for number, turns in timed:
        if wanted <= turns:
            return float(STEP ** (number + wanted / turns))
        wanted -= turns
    return float(STEP ** (timed[-1][0] + 1)) if timed else None
