"""Usage and limits: what was used by whom and when, what it cost, and which limits hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from starlette.requests import Request
from starlette.responses import Response

from bot.console.people import called
from bot.console.render import page
from bot.console.state import console_of
from engine import clock
from engine.decide.spending import quota as quota_rules
from projections.models import quota, usage
from projections.models.usage import UsageLine

SPANS = {"7": "7 days", "30": "30 days", "90": "90 days"}
HITS = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the plot: where its column stands in a picture of 1000 by 160 units, and how high it is."""

    day: date
    line: UsageLine | None
    x: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the days shown. `cost` in US dollars; `unpriced` calls have no known one."""

    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    unpriced: int


def bars(lines: Sequence[UsageLine], today: date, days: int, height: float = 150.0) -> list[Bar]:
    """A column per day up to today, days without any use too; the busiest day is as high as the picture. Pure."""
    known = {line.key: line for line in lines}
    most = max((line.prompt_tokens + line.completion_tokens for line in lines), default=0) or 1
    step = 1000 / days
    found = []
    for number in range(days):
        day = today - timedelta(days=days - 1 - number)
        line = known.get(day.isoformat())
        tokens = line.prompt_tokens + line.completion_tokens if line else 0
        found.append(Bar(day, line, round(number * step + step * 0.12, 2), round(step * 0.76, 2), round(height * tokens / most, 2)))
    return found


def totals(lines: Sequence[UsageLine]) -> Totals:
    """The sums. Pure."""
    return Totals(
        calls=sum(line.calls for line in lines),
        failed=sum(line.failed for line in lines),
        prompt_tokens=sum(line.prompt_tokens for line in lines),
        completion_tokens=sum(line.completion_tokens for line in lines),
        cost=sum(line.cost for line in lines),
        unpriced=sum(line.unpriced for line in lines),
    )


async def show(request: Request) -> Response:
    """`GET /usage?days=`: a plot by day, tables by model, character, person and payer, limits, and the latest quota hits."""
    console, chosen = console_of(request), request.query_params.get("days", "30")
    span = chosen if chosen in SPANS else "30"
    today = clock.now().date()
    since = (today - timedelta(days=int(span) - 1)).isoformat()
    async with console.log.pool.connection() as connection:
        by_day = await usage.summary(connection, "day", since=since)
        tables = {
            "Model": await usage.summary(connection, "model", since=since),
            "Character": await usage.summary(connection, "character", since=since),
            "Person": await usage.summary(connection, "user", since=since),
            "Paid by": await usage.summary(connection, "scope", since=since),
        }
        hits: list[quota_rules.Hit] = await quota.hits(connection, since=clock.now() - timedelta(days=int(span)))
        limits, budgets = await quota.limits_now(connection)
    names = await called(console, [int(line.key) for line in tables["Person"]])
    context = {"bars": bars(by_day, today, int(span)), "totals": totals(by_day), "tables": tables, "hits": hits[::-1][:HITS]}
    context["characters"] = {str(one): name for one, name in names.characters.items()}
    context["most"] = max((line.prompt_tokens + line.completion_tokens for line in by_day), default=0)
    context |= {
        "limits": limits,
        "budgets": budgets,
        "called": names,
        "characters": {str(one): name for one, name in names.characters.items()},
        "spans": SPANS,
        "span": span,
    }
    return page(request, "usage.html", context, section="Usage")
