"""Who may still spend: quota hits, budgets, today's calls and dollars, token buckets. What `authorize_spend` decides on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from engine.decide.spending import quota
from engine.decide.spending.spend import Block, Bucket, DayTotals
from engine.events.quota import LimitsChanged
from engine.fault import Category
from engine.store import Stored
from projections.base import Projection, clear, sql
from projections.models import quota_fold


class Quota(Projection):
    name = "quota"
    version = 3
    types = frozenset(
        {
            "quota.spend_authorized",
            "quota.payer_charged",
            "quota.guild_charged",
            "quota.spend_settled",
            "quota.hit",
            "quota.block_lifted",
            "quota.notice_given",
            "quota.upgrade_hinted",
            "quota.budget_set",
            "quota.limits_changed",
        }
    )
    ddl = """
    CREATE TABLE {schema}.hits (
        position bigint PRIMARY KEY,
        scope text COLLATE "C" NOT NULL,
        model text COLLATE "C" NOT NULL,
        provider text NOT NULL,
        category text NOT NULL,
        status integer,
        user_id bigint NOT NULL,
        at timestamptz NOT NULL,
        reset_at timestamptz NOT NULL,
        told boolean NOT NULL
    );
    CREATE INDEX ON {schema}.hits (scope, model, reset_at);
    CREATE INDEX ON {schema}.hits (reset_at);
    CREATE INDEX ON {schema}.hits (at);
    CREATE TABLE {schema}.days (
        subject text COLLATE "C" NOT NULL,
        day text COLLATE "C" NOT NULL,
        calls bigint NOT NULL DEFAULT 0,
        free_calls bigint NOT NULL DEFAULT 0,
        dollars double precision NOT NULL DEFAULT 0,
        version integer NOT NULL DEFAULT 0,
        PRIMARY KEY (subject, day)
    );
    CREATE INDEX ON {schema}.days (day);
    CREATE TABLE {schema}.guests (day text COLLATE "C" NOT NULL, user_id bigint NOT NULL, PRIMARY KEY (day, user_id));
    CREATE TABLE {schema}.buckets (name text COLLATE "C" PRIMARY KEY, tokens double precision NOT NULL, at timestamptz NOT NULL);
    CREATE TABLE {schema}.budgets (scope text COLLATE "C" PRIMARY KEY, daily double precision NOT NULL);
    CREATE TABLE {schema}.limits (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), data jsonb NOT NULL);
    CREATE TABLE {schema}.notices (
        user_id bigint NOT NULL,
        subject text COLLATE "C" NOT NULL,
        until timestamptz NOT NULL,
        PRIMARY KEY (user_id, subject)
    );
    CREATE TABLE {schema}.hints (user_id bigint PRIMARY KEY, day text NOT NULL);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        limits = await _limits(connection, schema)
        news: list[quota_fold.New] = [
            (row.type, clear(row) | {"position": row.position, "version": row.version, "at": row.occurred_at, "guild": row.guild})
            for row in rows
        ]
        spending = await quota_fold.read(connection, schema, news)
        for new in news:
            if new[0] in quota_fold.TYPES:
                spending.add(new, limits)
                continue
            if new[0] == "quota.limits_changed":
                limits = LimitsChanged.model_validate({name: value for name, value in new[1].items() if name in LimitsChanged.model_fields})
            statement, parameters = _change(*new)
            await connection.execute(sql(statement, schema), parameters)
        await spending.write(connection, schema)


_HINTED = """
INSERT INTO {schema}.hints (user_id, day) VALUES (%(user_id)s, %(day)s) ON CONFLICT (user_id) DO UPDATE SET day = excluded.day
"""
_HIT = """
INSERT INTO {schema}.hits (position, scope, model, provider, category, status, user_id, at, reset_at, told)
VALUES (%(position)s, %(scope)s, %(model)s, %(provider)s, %(category)s, %(status)s, %(user_id)s, %(at)s, %(reset)s, %(told_by_provider)s)
"""
# What people were told about the block goes with it: of the next one they hear again.
_LIFTED = """
WITH forgotten AS (
    DELETE FROM {schema}.notices
    WHERE starts_with(subject, 'block:' || %(scope)s || ':')
        AND (%(model)s::text IS NULL OR subject = 'block:' || %(scope)s || ':' || %(model)s)
)
UPDATE {schema}.hits SET reset_at = %(at)s
WHERE scope = %(scope)s AND reset_at > %(at)s AND (%(model)s::text IS NULL OR model = %(model)s)
"""
_NOTICE = """
INSERT INTO {schema}.notices (user_id, subject, until) VALUES (%(user_id)s, %(subject)s, %(until)s)
ON CONFLICT (user_id, subject) DO UPDATE SET until = excluded.until
"""

type Change = tuple[str, dict[str, Any]]


def _change(type_: str, data: dict[str, Any]) -> Change:
    match type_:
        case "quota.hit":
            return _HIT, data | {"reset": quota.of_milliseconds(data["reset_ms"])}
        case "quota.block_lifted":
            return _LIFTED, data
        case "quota.notice_given":
            return _NOTICE, data | {"until": quota.of_milliseconds(data["until_ms"])}
        case "quota.upgrade_hinted":
            return _HINTED, data
        case "quota.budget_set":
            return _budget(data)
        case "quota.limits_changed":
            fields = {name: data[name] for name in LimitsChanged.model_fields if name in data}
            statement = "INSERT INTO {schema}.limits (data) VALUES (%(data)s) ON CONFLICT (only_row) DO UPDATE SET data = excluded.data"
            return statement, {"data": Jsonb(fields)}
        case _:
            raise ValueError(f"quota does not know {type_}")


def _budget(data: dict[str, Any]) -> Change:
    if data["daily"] is None:
        return "DELETE FROM {schema}.budgets WHERE scope = %(scope)s", data
    return (
        (
            "INSERT INTO {schema}.budgets (scope, daily) VALUES (%(scope)s, %(daily)s)"
            " ON CONFLICT (scope) DO UPDATE SET daily = excluded.daily"
        ),
        data,
    )


async def _limits(connection: AsyncConnection, schema: str) -> LimitsChanged:
    row = await (await connection.execute(sql("SELECT data FROM {schema}.limits", schema))).fetchone()
    return LimitsChanged.model_validate(row[0]) if row else LimitsChanged()


@dataclass(frozen=True, slots=True)
class Today:
    """What is known of a day, as of `at`, for one person and some payers. `versions` are those of the streams that lock the limits."""

    limits: LimitsChanged
    budgets: dict[str, float]
    blocked: dict[tuple[str, str], Block]
    spent: dict[str, DayTotals]
    versions: dict[str, int]
    buckets: dict[str, Bucket]
    guests: int
    hinted: bool
    at: datetime


_TODAY = """
SELECT (SELECT data FROM {schema}.limits), (SELECT count(*) FROM {schema}.guests WHERE day = %(day)s),
    EXISTS (SELECT 1 FROM {schema}.hints WHERE user_id = %(user)s AND day = %(day)s), b.*, l.*, d.*, h.*
FROM (SELECT array_agg(scope), array_agg(daily) FROM {schema}.budgets WHERE scope = ANY(%(subjects)s)) AS b,
    (SELECT array_agg(name), array_agg(tokens), array_agg(at) FROM {schema}.buckets WHERE name = ANY(%(buckets)s)) AS l,
    (SELECT array_agg(subject), array_agg(calls), array_agg(free_calls), array_agg(dollars), array_agg(version)
     FROM {schema}.days WHERE day = %(day)s AND subject = ANY(%(subjects)s)) AS d,
    (SELECT array_agg(scope), array_agg(model), array_agg(reset_at), array_agg(at), array_agg(category), array_agg(told)
     FROM (SELECT * FROM {schema}.hits WHERE scope = ANY(%(scopes)s) AND reset_at > %(now)s ORDER BY reset_at) AS ordered) AS h
"""


async def today(
    connection: AsyncConnection, now: datetime, user_id: int, guild_id: int | None, scopes: Sequence[str], *, schema: str = "quota"
) -> Today:
    """In one statement: each of seven would cost the driver more than it costs Postgres, with every turn."""
    buckets, day = [f"user:{user_id}", f"guild:{guild_id}"], now.strftime("%Y-%m-%d")
    asked = {"scopes": list(scopes), "subjects": [*buckets, *scopes], "buckets": buckets, "day": day, "user": user_id, "now": now}
    row = await (await connection.execute(sql(_TODAY, schema), asked)).fetchone()
    assert row is not None, "aggregates have a row"
    limits, guests, hinted = row[:3]
    budgets, levels, days, hits = (_transposed(row[start:end]) for start, end in pairwise((3, 5, 8, 13, 19)))
    return Today(
        limits=LimitsChanged.model_validate(limits) if limits is not None else LimitsChanged(),
        budgets=dict(budgets),
        blocked={
            (scope, model): Block(reset, Category(category), quota.probe_from(Category(category), at, told=told))
            for scope, model, reset, at, category, told in hits
        },
        spent={subject: DayTotals(calls, free, dollars) for subject, calls, free, dollars, _ in days},
        versions={subject: version for subject, *_, version in days},
        buckets={name: Bucket(tokens, at) for name, tokens, at in levels},
        guests=guests,
        hinted=hinted,
        at=now,
    )


def _transposed(columns: Sequence[list[Any] | None]) -> list[tuple[Any, ...]]:
    """Rows of what was aggregated column by column: none of nothing."""
    return list(zip(*(column or () for column in columns), strict=True))


async def hits(connection: AsyncConnection, *, since: datetime | None = None, schema: str = "quota") -> list[quota.Hit]:
    """Quota hits since a moment, oldest first."""
    statement = "SELECT scope, model, category, at, reset_at FROM {schema}.hits "
    statement += "WHERE %(since)s::timestamptz IS NULL OR at > %(since)s ORDER BY position"
    cursor = await connection.execute(sql(statement, schema), {"since": since})
    return [quota.Hit(scope, model, Category(category), at, reset) for scope, model, category, at, reset in await cursor.fetchall()]


async def told_until(connection: AsyncConnection, user_id: int, subject: str, *, schema: str = "quota") -> datetime | None:
    """Until when a person counts as told about a limit."""
    cursor = await connection.execute(
        sql("SELECT until FROM {schema}.notices WHERE user_id = %s AND subject = %s", schema), (user_id, subject)
    )
    row = await cursor.fetchone()
    return row[0] if row else None


@dataclass(frozen=True, slots=True)
class DayLine:
    """A subject's day: `user:<id>`, `guild:<id>`, `system` or `key:<id>`."""

    subject: str
    day: str
    calls: int
    free_calls: int
    dollars: float


async def days(connection: AsyncConnection, *, day: str, limit: int = 100, schema: str = "quota") -> list[DayLine]:
    """Who did spend on a day, the most calls first."""
    statement = sql(
        "SELECT subject, day, calls, free_calls, dollars FROM {schema}.days WHERE day = %s ORDER BY calls DESC, subject LIMIT %s", schema
    )
    return [DayLine(*row) for row in await (await connection.execute(statement, (day, limit))).fetchall()]


async def limits_now(connection: AsyncConnection, *, schema: str = "quota") -> tuple[LimitsChanged, dict[str, float]]:
    """The limits and the budgets by scope."""
    cursor = await connection.execute(sql("SELECT scope, daily FROM {schema}.budgets ORDER BY scope", schema))
    return await _limits(connection, schema), dict(await cursor.fetchall())


QUOTA = Quota()
