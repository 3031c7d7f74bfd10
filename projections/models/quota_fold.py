"""What a batch of spending does to the tables of `quota`: folded in memory, because a payer's row is hit by every call of a batch."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg import AsyncConnection

from engine.decide.spending.spend import Bucket
from engine.events.quota import LimitsChanged
from projections.base import sql

New = tuple[str, dict[str, Any]]
"""An event's type, and its clear fields with `version`, `at` and `guild` of its row."""
TYPES = frozenset({"quota.spend_authorized", "quota.payer_charged", "quota.guild_charged", "quota.spend_settled"})

_DAYS = """
INSERT INTO {schema}.days (subject, day, calls, free_calls, dollars, version)
SELECT subject, day, calls, free_calls, dollars, version
FROM json_to_recordset(%(rows)s) AS r(subject text, day text, calls bigint, free_calls bigint, dollars double precision, version integer)
ON CONFLICT (subject, day) DO UPDATE SET calls = excluded.calls, free_calls = excluded.free_calls, dollars = excluded.dollars,
    version = excluded.version
"""
_BUCKETS = """
INSERT INTO {schema}.buckets (name, tokens, at)
SELECT name, tokens, at FROM json_to_recordset(%(rows)s) AS r(name text, tokens double precision, at timestamptz)
ON CONFLICT (name) DO UPDATE SET tokens = excluded.tokens, at = excluded.at
"""
_GUESTS = """
INSERT INTO {schema}.guests (day, user_id) SELECT day, user_id FROM json_to_recordset(%(rows)s) AS r(day text, user_id bigint)
ON CONFLICT DO NOTHING
"""


@dataclass(slots=True)
class Day:
    """What a subject did spend on a day: calls, those of them that were free, US dollars, and the version of its stream."""

    calls: int
    free_calls: int
    dollars: float
    version: int


class Batch:
    """The rows a batch may touch, as they stand, then as its events leave them."""

    def __init__(self, days: dict[tuple[str, str], Day], buckets: dict[str, Bucket]) -> None:
        self.days = days
        self.buckets = buckets
        self.guests: set[tuple[str, int]] = set()

    def add(self, new: New, limits: LimitsChanged) -> None:
        """One event, in order of position; `limits` are those that hold at it."""
        type_, data = new
        if type_ == "quota.spend_authorized":
            self._authorize(data)
            self._take(data, limits)
        elif type_ == "quota.spend_settled":
            estimate = _amount(data["estimate"])
            cost = estimate if data["cost"] is None else data["cost"]
            for day in self._known(new):
                day.dollars = day.dollars + cost - estimate
        else:
            for day in self._known(new):
                day.version = data["version"]

    def _known(self, new: New) -> list[Day]:
        return [self.days[key] for key in _keys(new) if key in self.days]

    def _authorize(self, data: dict[str, Any]) -> None:
        estimate, free = _amount(data["estimate"]), int(data["free"])
        for number, key in enumerate(_keys(("quota.spend_authorized", data))):
            version = data["version"] if number == 0 else 0  # the event stands in the person's stream, which comes first
            day = self.days.get(key)
            if day is None:
                self.days[key] = Day(1, free, estimate, version)
            else:
                day.calls, day.free_calls = day.calls + 1, day.free_calls + free
                day.dollars, day.version = day.dollars + estimate, max(day.version, version)
        if data["guest"]:
            self.guests.add((data["day"], data["user_id"]))

    def _take(self, data: dict[str, Any], limits: LimitsChanged) -> None:
        at: datetime = data["at"]
        for name, rate in zip(_buckets(data), (limits.user_per_minute, limits.guild_per_minute), strict=False):
            self.buckets[name] = self.buckets.get(name, Bucket(float(rate), at)).taken(at, rate)

    async def write(self, connection: AsyncConnection, schema: str) -> None:
        """Each row once, inside the caller's transaction."""
        days = [{"subject": subject, "day": name} | asdict(day) for (subject, name), day in self.days.items()]
        buckets = [{"name": name, "tokens": bucket.tokens, "at": bucket.at} for name, bucket in self.buckets.items()]
        guests = [{"day": day, "user_id": user} for day, user in self.guests]
        for statement, rows in ((_DAYS, days), (_BUCKETS, buckets), (_GUESTS, guests)):
            if rows:
                await connection.execute(sql(statement, schema), {"rows": orjson.dumps(rows).decode()})


def _amount(dollars: float | None) -> float:
    return 0.0 if dollars is None else dollars


def _keys(new: New) -> list[tuple[str, str]]:
    """The (subject, day) rows an event is about: the person, the payer, the server."""
    type_, data = new
    if type_ == "quota.payer_charged":
        subjects = [data["scope"]]
    elif type_ == "quota.guild_charged":
        subjects = [f"guild:{data['guild_id']}"]
    else:
        guild = data.get("guild_id") or None if type_ == "quota.spend_authorized" else data["guild"]
        subjects = [f"user:{data['user_id']}", data["scope"], *([f"guild:{guild}"] if guild is not None else [])]
        if type_ == "quota.spend_settled":
            subjects = list(dict.fromkeys(subjects))
    return [(subject, data["day"]) for subject in subjects]


def _buckets(data: dict[str, Any]) -> list[str]:
    return [f"user:{data['user_id']}", *([f"guild:{data['guild_id']}"] if data.get("guild_id") else [])]


async def read(connection: AsyncConnection, schema: str, news: Iterable[New]) -> Batch:
    """The rows as they stand before a batch."""
    spending = [new for new in news if new[0] in TYPES]
    keys: Sequence[tuple[str, str]] = [*{key for new in spending for key in _keys(new)}]
    names = {name for type_, data in spending if type_ == "quota.spend_authorized" for name in _buckets(data)}
    if not spending:
        return Batch({}, {})
    days = await connection.execute(
        sql(
            "SELECT subject, day, calls, free_calls, dollars, version FROM {schema}.days"
            " JOIN unnest(%s::text[], %s::text[]) AS wanted(subject, day) USING (subject, day)",
            schema,
        ),
        ([subject for subject, _ in keys], [day for _, day in keys]),
    )
    buckets = await connection.execute(sql("SELECT name, tokens, at FROM {schema}.buckets WHERE name = ANY(%s)", schema), (list(names),))
    return Batch(
        {(subject, day): Day(*values) for subject, day, *values in await days.fetchall()},
        {name: Bucket(tokens, at) for name, tokens, at in await buckets.fetchall()},
    )
