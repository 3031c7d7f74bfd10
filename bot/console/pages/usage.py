"""Usage and limits: what was used by whom and when, what it cost, how long answers took, and which limits hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from bot.console import words
from bot.console.filters import number
from bot.console.people import Called, called
from bot.console.plots import Plot, Slot, plot, slots
from bot.console.render import page
from bot.console.state import Console, console_of
from engine import clock
from engine.decide.spending import quota as quota_rules
from projections import measures
from projections.measures import Axis, Measure, Only, Unit
from projections.models import quota, usage
from projections.models.usage import Dimension, UsageLine

SPANS = {"1": "24 hours", "7": "7 days", "30": "30 days", "90": "90 days"}
HITS = 20
_UNITS: dict[int, Unit] = {1: "hour"}
FIRST, ALL = 10, 1000
"""Rows of a table at first, and at most."""
_TABLES: tuple[tuple[str, Dimension | None, Axis | None], ...] = (
    ("Model", None, "model"),
    ("Asked for", "model", None),
    ("Character", "character", "character"),
    ("Person", "user", "user"),
    ("Paid by", "scope", None),
)
"""Title, dimension of calls, axis of turns. A turn's model is the one that answered, a call's the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table, or a column of the plots. `ms` is the mean of a call; None where only turns are known.

    `p50_ms` and `p95_ms` are of the time from a turn's request to its answer.
    """

    key: str
    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    unpriced: int
    ms: float | None = None
    slowest_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the time shown. `cost` in US dollars; `unpriced` calls have no known one."""

    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    unpriced: int


def totals(lines: Sequence[Line]) -> Totals:
    """The sums. Pure."""
    return Totals(
        calls=sum(line.calls for line in lines),
        failed=sum(line.failed for line in lines),
        prompt_tokens=sum(line.prompt_tokens for line in lines),
        completion_tokens=sum(line.completion_tokens for line in lines),
        cost=sum(line.cost for line in lines),
        unpriced=sum(line.unpriced for line in lines),
    )


def of_turns(found: Measure) -> Line:
    """What is known of turns as a line. Pure."""
    tokens = (found.prompt_tokens, found.completion_tokens)
    return Line(found.key, found.calls, found.failed, *tokens, found.cost, found.unpriced, p50_ms=found.p50_ms, p95_ms=found.p95_ms)


def of_calls(found: UsageLine, times: Mapping[str, Measure]) -> Line:
    """What is known of calls as a line, with the times of the turns they were made for. Pure."""
    time, tokens = times.get(found.key), (found.prompt_tokens, found.completion_tokens)
    p50, p95 = (time.p50_ms, time.p95_ms) if time else (None, None)
    return Line(found.key, found.calls, found.failed, *tokens, found.cost, found.unpriced, found.ms, found.slowest_ms, p50, p95)


def timed(line: Line, waited: Mapping[str, tuple[float, float]]) -> Line:
    """A person's line with how long answers took. Pure."""
    p50, p95 = waited.get(line.key, (line.p50_ms, line.p95_ms))
    return replace(line, p50_ms=p50, p95_ms=p95)


def drawn(lines: Sequence[Line], among: Sequence[Slot]) -> list[Plot]:
    """Calls, tokens, cost and time to an answer over the slots; quiet ones have a column too. Pure."""
    known = {line.key: line for line in lines}
    row = [known.get(slot.key) or Line(slot.key, 0, 0, 0, 0, 0.0, 0) for slot in among]
    calls = [("column", "calls", [float(one.calls) for one in row]), ("bad", "failed", [float(one.failed) for one in row])]
    both = [float(one.prompt_tokens + one.completion_tokens) for one in row]
    tokens = [("column", "tokens", both), ("second", "of them written", [float(one.completion_tokens) for one in row])]
    cost = [("column", "spent", [one.cost for one in row])]
    times = [("second", "95 % within", [one.p95_ms or 0.0 for one in row]), ("column", "half within", [one.p50_ms or 0.0 for one in row])]
    return [
        plot("Calls", among, calls, words.count, least=2.0),
        plot("Tokens", among, tokens, words.count, least=2.0),
        plot("Cost", among, cost, words.money),
        plot("Time to an answer", among, times, words.duration),
    ]


def only_of(asked: QueryParams) -> Only:
    """What an address narrows the page to. What cannot be understood narrows nothing. Pure."""
    try:
        character = UUID(asked.get("character", ""))
    except ValueError:
        character = None
    model = asked.get("model", "").replace("\x00", "")[:200]
    return Only(model or None, character, number(asked.get("user", "")))


@dataclass(frozen=True, slots=True)
class _Found:
    slots: list[Line]
    tables: dict[str, list[Line]]


async def _read(console: Console, since: datetime, days: int, only: Only, limit: int) -> _Found:
    """Sums of calls by day where they are kept: not by the hour, and not by the model that answered. Else what turns came to."""
    day, unit = f"{since:%Y-%m-%d}", _UNITS.get(days, "day")
    async with console.log.pool.connection() as connection:
        times = await measures.measures(connection, since, unit, only)

        async def lines(by: Dimension | None, axis: Axis | None, most: int) -> list[Line]:
            if axis and (by is None or days == 1 or only.model):
                return [of_turns(one) for one in times[axis].values()][:most]
            if by is None or days == 1 or only.model:
                return []
            found = await usage.summary(connection, by, since=day, user=only.user, character=only.character, limit=most)
            return [of_calls(one, times[axis] if axis else {}) for one in found]

        tables = {title: await lines(by, axis, limit) for title, by, axis in _TABLES}
        people = {int(line.key) for line in tables["Person"] if line.p50_ms is None}
        waited = await measures.times_of(connection, since, people) if people else {}
        tables["Person"] = [timed(line, waited) for line in tables["Person"]]
        return _Found(await lines("day", "slot", ALL), tables)


def _since(now: datetime, days: int) -> datetime:
    if days == 1:
        return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=23)
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)


def _chosen(only: Only, names: Called) -> dict[str, str]:
    """What the page is narrowed to, in words, with the address' own word for it."""
    found = {"model": only.model or ""}
    found["character"] = names.character(only.character)
    found["user"] = names.person(only.user) if only.user is not None else ""
    return {name: said for name, said in found.items() if said}


async def show(request: Request) -> Response:
    """`GET /usage?days=&model=&character=&user=&all=`: plots over time, tables, limits, and the latest quota hits."""
    console, asked = console_of(request), request.query_params
    span = asked["days"] if asked.get("days") in SPANS else "30"
    now, days, only = clock.now(), int(span), only_of(asked)
    limit = ALL if "all" in asked else FIRST + 1
    found = await _read(console, _since(now, days), days, only, limit)
    async with console.log.pool.connection() as connection:
        hits: list[quota_rules.Hit] = await quota.hits(connection, since=now - timedelta(days=days))
        limits, budgets = await quota.limits_now(connection)
    people = {int(line.key) for line in found.tables["Person"]} | ({only.user} if only.user is not None else set())
    names = await called(console, people)
    wanted = (("model", only.model), ("character", only.character), ("user", only.user))
    kept = {name: str(value) for name, value in wanted if value is not None}
    among = slots(now, days)

    def address(**change: str) -> str:
        parts = {"days": span, **kept, **({"all": "1"} if "all" in asked else {}), **change}
        return "/usage?" + urlencode({name: value for name, value in parts.items() if value})

    context = {
        "plots": drawn(found.slots, among),
        "slots": among,
        "totals": totals(found.slots),
        "tables": found.tables,
        "first": ALL if "all" in asked else FIRST,
        "hits": hits[::-1][:HITS],
        "limits": limits,
        "budgets": budgets,
        "called": names,
        "characters": {str(one): name for one, name in names.characters.items()},
        "only": _chosen(only, names),
        "address": address,
        "spans": SPANS,
        "span": span,
    }
    return page(request, "usage.html", context, section="Usage")
