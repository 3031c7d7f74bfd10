"""Tokens, cost and latency by day, person, character and model; how often a stop sequence ended a reply."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine.store import Stored
from projections.base import Projection, clear, decoded, execute, sql


class Usage(Projection):
    name = "usage"
    version = 4
    types = frozenset({"turn.completed", "turn.failed", "turn.declined"})
    ddl = """
    CREATE TABLE {schema}.calls (
        day text COLLATE "C" NOT NULL,
        user_id bigint NOT NULL,
        character uuid NOT NULL,
        model text COLLATE "C" NOT NULL,
        scope text COLLATE "C" NOT NULL,
        calls bigint NOT NULL,
        failed bigint NOT NULL,
        prompt_tokens bigint NOT NULL,
        completion_tokens bigint NOT NULL,
        reasoning_tokens bigint NOT NULL,
        cached_tokens bigint NOT NULL,
        cost numeric NOT NULL,
        unpriced bigint NOT NULL,
        ms numeric NOT NULL,
        slowest_ms numeric NOT NULL,
        PRIMARY KEY (day, user_id, character, model, scope)
    );
    CREATE TABLE {schema}.stops (
        day text COLLATE "C" NOT NULL,
        model text COLLATE "C" NOT NULL,
        replies bigint NOT NULL,
        PRIMARY KEY (day, model)
    );
    CREATE TABLE {schema}.replies (
        day text COLLATE "C" NOT NULL,
        model text COLLATE "C" NOT NULL,
        replies bigint NOT NULL,
        cut_short bigint NOT NULL,
        recovered bigint NOT NULL,
        fallbacks bigint NOT NULL,
        failures bigint NOT NULL,
        PRIMARY KEY (day, model)
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        calls, replies, stops = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
        for row in rows:
            data: dict[str, Any] = clear(row)
            day = row.occurred_at.astimezone(UTC).strftime("%Y-%m-%d")
            calls += [_call(day, data, call) for call in data.get("calls") or ()]
            replies.append(_reply(day, row.type, data))
            if data.get("stopped"):
                stops.append({"day": day, "model": data["model"]})
        async with connection.cursor() as cursor:
            for statement, many in ((_CALL, calls), (_REPLY, replies), (_STOP, stops)):
                if many:
                    await cursor.executemany(sql(statement, schema), many)

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The same by one statement: sums of exact numbers do not depend on where a batch ends."""
        await execute(connection, schema, _LOAD, after, until)


_INTO_CALLS = """
INSERT INTO {schema}.calls AS c (day, user_id, character, model, scope, calls, failed, prompt_tokens, completion_tokens, reasoning_tokens,
                                 cached_tokens, cost, unpriced, ms, slowest_ms)
"""
_ADD_CALLS = """
ON CONFLICT (day, user_id, character, model, scope) DO UPDATE SET calls = c.calls + excluded.calls, failed = c.failed + excluded.failed,
    prompt_tokens = c.prompt_tokens + excluded.prompt_tokens, completion_tokens = c.completion_tokens + excluded.completion_tokens,
    reasoning_tokens = c.reasoning_tokens + excluded.reasoning_tokens, cached_tokens = c.cached_tokens + excluded.cached_tokens,
    cost = c.cost + excluded.cost, unpriced = c.unpriced + excluded.unpriced, ms = c.ms + excluded.ms,
    slowest_ms = greatest(c.slowest_ms, excluded.slowest_ms)
"""
_CALL = f"""{_INTO_CALLS}
VALUES (%(day)s, %(user_id)s, %(character)s, %(model)s, %(scope)s, 1, %(failed)s, %(prompt_tokens)s, %(completion_tokens)s,
        %(reasoning_tokens)s, %(cached_tokens)s, %(cost)s, %(unpriced)s, %(ms)s, %(ms)s)
{_ADD_CALLS}"""
_INTO_REPLIES = "INSERT INTO {schema}.replies AS r (day, model, replies, cut_short, recovered, fallbacks, failures)"
_ADD_REPLIES = """
ON CONFLICT (day, model) DO UPDATE SET replies = r.replies + excluded.replies, cut_short = r.cut_short + excluded.cut_short,
    recovered = r.recovered + excluded.recovered, fallbacks = r.fallbacks + excluded.fallbacks, failures = r.failures + excluded.failures
"""
_REPLY = f"""{_INTO_REPLIES}
VALUES (%(day)s, %(model)s, %(reply)s, %(cut_short)s, %(recovered)s, %(fallback)s, %(failure)s)
{_ADD_REPLIES}"""
_INTO_STOPS = "INSERT INTO {schema}.stops AS s (day, model, replies)"
_ADD_STOPS = "ON CONFLICT (day, model) DO UPDATE SET replies = s.replies + excluded.replies"
_STOP = f"{_INTO_STOPS} VALUES (%(day)s, %(model)s, 1) {_ADD_STOPS}"

_FIELDS = """
user_id bigint, character_id uuid, model text, stopped boolean, cut_short boolean, recovered boolean, fallback_from text, calls json
"""
_LOAD = f"""
WITH found AS MATERIALIZED (
    SELECT to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
           e.type = 'turn.completed' AS completed, e.type = 'turn.failed' AS broke, d.*
    {decoded(_FIELDS, Usage.types)}
), replies AS (
    {_INTO_REPLIES}
    SELECT day, coalesce(model, ''), count(*) FILTER (WHERE completed), count(*) FILTER (WHERE cut_short),
           count(*) FILTER (WHERE recovered), count(fallback_from), count(*) FILTER (WHERE broke)
    FROM found GROUP BY 1, 2 {_ADD_REPLIES}
), stops AS (
    {_INTO_STOPS}
    SELECT day, model, count(*) FROM found WHERE stopped GROUP BY 1, 2 {_ADD_STOPS}
)
{_INTO_CALLS}
SELECT f.day, f.user_id, f.character_id, k.model, k.scope, count(*), count(k.category), sum(u.prompt_tokens), sum(u.completion_tokens),
       sum(u.reasoning_tokens), sum(u.cached_tokens), coalesce(sum(u.cost), 0), count(*) FILTER (WHERE u.cost IS NULL), sum(k.ms), max(k.ms)
FROM found f
    CROSS JOIN LATERAL json_to_recordset(f.calls) AS k(model text, scope text, category text, ms numeric, usage json)
    CROSS JOIN LATERAL json_to_record(k.usage) AS u(prompt_tokens bigint, completion_tokens bigint, reasoning_tokens bigint,
                                                    cached_tokens bigint, cost numeric)
GROUP BY 1, 2, 3, 4, 5 {_ADD_CALLS}
"""


def _call(day: str, data: dict[str, Any], call: dict[str, Any]) -> dict[str, Any]:
    used: dict[str, Any] = call["usage"]
    return used | {
        "day": day,
        "user_id": data["user_id"],
        "character": data["character_id"],
        "model": call["model"],
        "scope": call["scope"],
        "failed": int(call["category"] is not None),
        "cost": _exact(used["cost"] if used["cost"] is not None else 0),
        "unpriced": int(used["cost"] is None),
        "ms": _exact(call["ms"]),
    }


def _exact(number: float) -> Decimal:
    """The number as it is written: in binary, sums would depend on the order of their parts."""
    return Decimal(repr(number))


def _reply(day: str, type_: str, data: dict[str, Any]) -> dict[str, Any]:
    completed = type_ == "turn.completed"
    return {
        "day": day,
        "model": data.get("model") or "",
        "reply": int(completed),
        "cut_short": int(bool(data.get("cut_short"))),
        "recovered": int(bool(data.get("recovered"))),
        "fallback": int(data.get("fallback_from") is not None),
        "failure": int(type_ == "turn.failed"),
    }


Dimension = Literal["day", "user", "character", "model", "scope"]
_BY: dict[Dimension, str] = {"day": "day", "user": "user_id::text", "character": "character::text", "model": "model", "scope": "scope"}


@dataclass(frozen=True, slots=True)
class UsageLine:
    """Usage of one value of a dimension. `unpriced` calls have no known cost; `ms` is the mean of a call."""

    key: str
    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    cost: float
    unpriced: int
    ms: float
    slowest_ms: float


async def summary(
    connection: AsyncConnection,
    by: Dimension,
    *,
    since: str = "",
    user: int | None = None,
    character: UUID | None = None,
    limit: int = 100,
    schema: str = "usage",
) -> list[UsageLine]:
    """Usage by a dimension since a day (YYYY-MM-DD), the most calls first; days in order."""
    statement = f"""
    SELECT {_BY[by]} AS key, sum(calls)::bigint AS calls, sum(failed)::bigint AS failed, sum(prompt_tokens)::bigint AS prompt_tokens,
           sum(completion_tokens)::bigint AS completion_tokens, sum(reasoning_tokens)::bigint AS reasoning_tokens,
           sum(cached_tokens)::bigint AS cached_tokens, sum(cost)::float8 AS cost, sum(unpriced)::bigint AS unpriced,
           (sum(ms) / sum(calls))::float8 AS ms, max(slowest_ms)::float8 AS slowest_ms
    FROM {{schema}}.calls
    WHERE day >= %(since)s AND (%(user)s::bigint IS NULL OR user_id = %(user)s)
      AND (%(character)s::uuid IS NULL OR character = %(character)s)
    GROUP BY 1 ORDER BY {"1" if by == "day" else "2 DESC, 1"} LIMIT %(limit)s
    """
    async with connection.cursor(row_factory=class_row(UsageLine)) as cursor:
        await cursor.execute(sql(statement, schema), {"since": since, "user": user, "character": character, "limit": limit})
        return await cursor.fetchall()


@dataclass(frozen=True, slots=True)
class Stop:
    """How many replies of a model a stop sequence ended on a day."""

    day: str
    model: str
    replies: int


async def stops(connection: AsyncConnection, *, since: str = "", schema: str = "usage") -> list[Stop]:
    """Stop-sequence statistics, the latest day first."""
    async with connection.cursor(row_factory=class_row(Stop)) as cursor:
        await cursor.execute(
            sql("SELECT day, model, replies FROM {schema}.stops WHERE day >= %s ORDER BY day DESC, replies DESC", schema),
            (since,),
        )
        return await cursor.fetchall()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a model's turns on a day."""

    day: str
    model: str
    replies: int
    cut_short: int
    recovered: int
    fallbacks: int
    failures: int


async def outcomes(connection: AsyncConnection, *, since: str = "", schema: str = "usage") -> list[Outcome]:
    """By day and model, the latest day first."""
    async with connection.cursor(row_factory=class_row(Outcome)) as cursor:
        await cursor.execute(
            sql(
                "SELECT day, model, replies, cut_short, recovered, fallbacks, failures FROM {schema}.replies WHERE day >= %s"
                " ORDER BY day DESC, model",
                schema,
            ),
            (since,),
        )
        return await cursor.fetchall()


USAGE = Usage()
