"""The turns as a table: when, who, to whom, the first words, what became of it, how long it waited and took, tokens, cost, model."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.console.filters import Filters, number
from bot.console.pages.neighbours import OUTCOMES, asked_for, types_of
from bot.console.pages.turns import find
from bot.console.people import called
from bot.console.prose import plain
from bot.console.render import by_script, fragment, page
from bot.console.state import Console, console_of
from engine import clock
from projections import said
from projections.models import timeline, turns
from projections.models.turns import Turn

ROWS = 40
FIRST_WORDS = 60


@dataclass(frozen=True, slots=True)
class TurnLine:
    """One turn in a list. Times in milliseconds; `wait_ms` is until a worker began it, `took_ms` from message to end."""

    turn: Turn
    words: str
    wait_ms: float
    took_ms: float | None
    tokens: int | None
    cost: float | None


def line(turn: Turn, words: str, now: datetime) -> TurnLine:
    """The turn as a line. Pure."""
    finished = float((turn.timing or {}).get("finished") or 0.0)
    usage = turn.usage or {}
    passed = max((turn.ended_at or now) - turn.requested_at, timedelta()).total_seconds() * 1000
    text = plain(words)
    return TurnLine(
        turn=turn,
        words=text[:FIRST_WORDS] + ("…" if len(text) > FIRST_WORDS else ""),
        wait_ms=max(passed - finished, 0.0) if turn.ended_at or not turn.attempts else 0.0,
        took_ms=passed if turn.ended_at else None,
        tokens=int(usage["prompt_tokens"]) + int(usage["completion_tokens"]) if usage else None,
        cost=usage.get("cost"),
    )


@dataclass(frozen=True, slots=True)
class TurnPage:
    """A page of turns. `older`: position to go on before; not `complete`: the search stopped before the page was full."""

    lines: tuple[TurnLine, ...] = ()
    older: int | None = None
    complete: bool = True


async def show(request: Request) -> Response:
    """`GET /turns`: turns by any combination of character, person, channel, outcome, error, model and time, newest first."""
    console = console_of(request)
    key = request.query_params.get("find", "").strip()
    if key and (turn := await find(console, key.lower())):
        return Response(status_code=303, headers={"location": f"/turns/{turn.turn}"})
    asked, status = await asked_for(console, request.query_params)
    before = number(request.query_params.get("before_position", ""))
    found = TurnPage() if asked.wrong else await listed(console, asked, status, before)
    people, places = ({getattr(one.turn, name) for one in found.lines} for name in ("user_id", "channel"))
    names = await called(console, people, places, suggestions=not by_script(request))
    context = {"asked": asked, "listed": found, "called": names, "status": status, "missing": key, "outcomes": OUTCOMES}
    if by_script(request):
        return HTMLResponse(fragment("_turn_rows.html" if before is not None else "_turns.html", **context))
    async with console.log.pool.connection() as connection:
        choices = {"category": await timeline.values(connection, "category"), "model": await timeline.values(connection, "model")}
    return page(request, "turns.html", context | {"choices": choices}, section="Turns")


async def listed(console: Console, asked: Filters, status: str, before: int | None) -> TurnPage:
    """The turns that match. Those still running appear when nothing is asked that only an end can tell."""
    async with console.log.pool.connection() as connection:
        found = await timeline.page(connection, replace(asked.wanted, types=types_of(asked, status)), before=before, limit=ROWS)
        rows = {turn.turn: turn for turn in await turns.some(connection, [entry.turn for entry in found.entries if entry.turn])}
        in_order = [rows[turn] for turn in dict.fromkeys(entry.turn for entry in found.entries) if turn is not None and turn in rows]
        shown = [turn for turn in in_order if status != "pending" or turn.status == "pending"]
        words = await said.of_messages(connection, console.log.vault, {turn.message_id for turn in shown})
    now = clock.now()
    lines = tuple(line(turn, words[turn.message_id].text if turn.message_id in words else "", now) for turn in shown)
    return TurnPage(lines, found.older, found.complete)
