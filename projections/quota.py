"""Who may still spend: quota hits, budgets, today's calls and dollars, token buckets. What `authorize_spend` decides on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from engine.decide.quota import Hit, of_milliseconds
from engine.decide.spend import Block, Bucket, Spent
from engine.events.quota import LimitsChanged
from engine.fault import Category
from engine.store import Stored
from projections.base import Projection, clear, sql


class Quota(Projection):
    name = "quota"
    version = 2
    types = frozenset(
        {
            "quota.spend_authorized",
            "quota.payer_charged",
            "quota.guild_charged",
            "quota.spend_settled",
            "quota.hit",
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
        reset_at timestamptz NOT NULL
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
        for row in rows:
            data = clear(row) | {"position": row.position, "version": row.version, "at": row.occurred_at, "guild": row.guild}
            if row.type == "quota.limits_changed":
                limits = LimitsChanged.model_validate(clear(row))
            if row.type == "quota.spend_authorized":
                await _take(connection, schema, data, limits)
            for statement, parameters in _changes(row.type, data):
                await connection.execute(sql(statement, schema), parameters)


_DAY = """
INSERT INTO {schema}.days AS d (subject, day, calls, free_calls, dollars, version)
VALUES (%(subject)s, %(day)s, 1, %(free)s::int, coalesce(%(estimate)s, 0), %(version)s)
ON CONFLICT (subject, day) DO UPDATE SET calls = d.calls + 1, free_calls = d.free_calls + excluded.free_calls,
    dollars = d.dollars + excluded.dollars, version = greatest(d.version, excluded.version)
"""
_VERSION = "UPDATE {schema}.days SET version = %(version)s WHERE subject = %(subject)s AND day = %(day)s"
_HINTED = """
INSERT INTO {schema}.hints (user_id, day) VALUES (%(user_id)s, %(day)s) ON CONFLICT (user_id) DO UPDATE SET day = excluded.day
"""
_SETTLE = """
UPDATE {schema}.days SET dollars = dollars + coalesce(%(cost)s, %(estimate)s, 0) - coalesce(%(estimate)s, 0)
WHERE day = %(day)s AND (subject = 'user:' || %(user_id)s::text OR subject = %(scope)s OR subject = 'guild:' || %(guild)s::text)
"""
_HIT = """
INSERT INTO {schema}.hits (position, scope, model, provider, category, status, user_id, at, reset_at)
VALUES (%(position)s, %(scope)s, %(model)s, %(provider)s, %(category)s, %(status)s, %(user_id)s, %(at)s, %(reset)s)
"""
_NOTICE = """
INSERT INTO {schema}.notices (user_id, subject, until) VALUES (%(user_id)s, %(subject)s, %(until)s)
ON CONFLICT (user_id, subject) DO UPDATE SET until = excluded.until
"""

type Change = tuple[str, dict[str, Any]]


def _changes(type_: str, data: dict[str, Any]) -> list[Change]:
    match type_:
        case "quota.spend_authorized":
            guest = [("INSERT INTO {schema}.guests (day, user_id) VALUES (%(day)s, %(user_id)s) ON CONFLICT DO NOTHING", data)]
            of_user, of_payer = data | {"subject": f"user:{data['user_id']}"}, data | {"subject": data["scope"], "version": 0}
            of_guild = [(_DAY, data | {"subject": f"guild:{data['guild_id']}", "version": 0})] if data.get("guild_id") else []
            return [(_DAY, of_user), (_DAY, of_payer), *of_guild, *(guest if data["guest"] else [])]
        case "quota.payer_charged":
            return [(_VERSION, data | {"subject": data["scope"]})]
        case "quota.guild_charged":
            return [(_VERSION, data | {"subject": f"guild:{data['guild_id']}"})]
        case "quota.spend_settled":
            return [(_SETTLE, data)]
        case "quota.hit":
            return [(_HIT, data | {"reset": of_milliseconds(data["reset_ms"])})]
        case "quota.notice_given":
            return [(_NOTICE, data | {"until": of_milliseconds(data["until_ms"])})]
        case "quota.upgrade_hinted":
            return [(_HINTED, data)]
        case "quota.budget_set":
            return [_budget(data)]
        case "quota.limits_changed":
            fields = {name: data[name] for name in LimitsChanged.model_fields if name in data}
            statement = "INSERT INTO {schema}.limits (data) VALUES (%(data)s) ON CONFLICT (only_row) DO UPDATE SET data = excluded.data"
            return [(statement, {"data": Jsonb(fields)})]
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


async def _take(connection: AsyncConnection, schema: str, data: dict[str, Any], limits: LimitsChanged) -> None:
    rates = {f"user:{data['user_id']}": limits.user_per_minute}
    if data.get("guild_id"):
        rates[f"guild:{data['guild_id']}"] = limits.guild_per_minute
    known = await _buckets(connection, schema, list(rates))
    for name, rate in rates.items():
        bucket = known.get(name, Bucket(float(rate), data["at"])).taken(data["at"], rate)
        await connection.execute(
            sql(
                "INSERT INTO {schema}.buckets (name, tokens, at) VALUES (%s, %s, %s)"
                " ON CONFLICT (name) DO UPDATE SET tokens = excluded.tokens, at = excluded.at",
                schema,
            ),
            (name, bucket.tokens, bucket.at),
        )


async def _buckets(connection: AsyncConnection, schema: str, names: list[str]) -> dict[str, Bucket]:
    cursor = await connection.execute(sql("SELECT name, tokens, at FROM {schema}.buckets WHERE name = ANY(%s)", schema), (names,))
    return {name: Bucket(tokens, at) for name, tokens, at in await cursor.fetchall()}


async def _limits(connection: AsyncConnection, schema: str) -> LimitsChanged:
    row = await (await connection.execute(sql("SELECT data FROM {schema}.limits", schema))).fetchone()
    return LimitsChanged.model_validate(row[0]) if row else LimitsChanged()


@dataclass(frozen=True, slots=True)
class Today:
    """What is known of a day for one person and some payers. `versions` are those of the streams that lock the limits."""

    limits: LimitsChanged
    budgets: dict[str, float]
    blocked: dict[tuple[str, str], Block]
    spent: dict[str, Spent]
    versions: dict[str, int]
    buckets: dict[str, Bucket]
    guests: int
    hinted: bool


async def today(
    connection: AsyncConnection, now: datetime, user_id: int, guild_id: int | None, scopes: Sequence[str], *, schema: str = "quota"
) -> Today:
    """In one round trip."""
    buckets = [f"user:{user_id}", f"guild:{guild_id}"]
    day, subjects = now.strftime("%Y-%m-%d"), [*buckets, *scopes]
    async with connection.pipeline():
        limits = await connection.execute(sql("SELECT data FROM {schema}.limits", schema))
        budgets = await connection.execute(sql("SELECT scope, daily FROM {schema}.budgets WHERE scope = ANY(%s)", schema), (subjects,))
        hits = await connection.execute(
            sql(
                "SELECT scope, model, category, reset_at FROM {schema}.hits WHERE scope = ANY(%s) AND reset_at > %s ORDER BY reset_at",
                schema,
            ),
            (list(scopes), now),
        )
        days = await connection.execute(
            sql("SELECT subject, calls, free_calls, dollars, version FROM {schema}.days WHERE day = %s AND subject = ANY(%s)", schema),
            (day, subjects),
        )
        levels = await connection.execute(sql("SELECT name, tokens, at FROM {schema}.buckets WHERE name = ANY(%s)", schema), (buckets,))
        guests = await connection.execute(sql("SELECT count(*) FROM {schema}.guests WHERE day = %s", schema), (day,))
        hinted = await connection.execute(sql("SELECT 1 FROM {schema}.hints WHERE user_id = %s AND day = %s", schema), (user_id, day))
        known, rows, count = await limits.fetchone(), await days.fetchall(), await guests.fetchone()
        return Today(
            limits=LimitsChanged.model_validate(known[0]) if known else LimitsChanged(),
            budgets=dict(await budgets.fetchall()),
            blocked={(scope, model): Block(reset, Category(category)) for scope, model, category, reset in await hits.fetchall()},
            spent={subject: Spent(calls, free, dollars) for subject, calls, free, dollars, _ in rows},
            versions={subject: version for subject, _, _, _, version in rows},
            buckets={name: Bucket(tokens, at) for name, tokens, at in await levels.fetchall()},
            guests=count[0] if count else 0,
            hinted=await hinted.fetchone() is not None,
        )


async def hits(connection: AsyncConnection, *, since: datetime | None = None, schema: str = "quota") -> list[Hit]:
    """Quota hits since a moment, oldest first."""
    statement = "SELECT scope, model, category, at, reset_at FROM {schema}.hits "
    statement += "WHERE %(since)s::timestamptz IS NULL OR at > %(since)s ORDER BY position"
    cursor = await connection.execute(sql(statement, schema), {"since": since})
    return [Hit(scope, model, Category(category), at, reset) for scope, model, category, at, reset in await cursor.fetchall()]


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
