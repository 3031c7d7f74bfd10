"""The turns as a table: when, who, to whom, the first words, what became of it, how long it waited and took, tokens, cost, model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.console.filters import Filters, number
from bot.console.pages.neighbours import OUTCOMES, asked_for, types_of
from bot.console.pages.turns import find
from bot.console.people import Called, called
from bot.console.prose import plain
from bot.console.render import by_script, fragment, page
from bot.console.state import Console, console_of
from engine import clock
from projections import said
from projections.models import timeline, turns
from projections.models.turns import Turn

ROWS = 40
SORTED = 200
"""Turns that are sorted at once: the newest that match. More of them would not be read, and each page costs the same."""
NEWEST = "-when"
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


type _Key = Callable[[TurnLine, Called], Any]
_KEYS: Mapping[str, tuple[str, bool, _Key]] = {
    "when": ("When", False, lambda one, _: one.turn.requested_at.timestamp()),
    "person": ("Person", False, lambda one, names: names.person(one.turn.user_id).casefold()),
    "character": ("Character", False, lambda one, names: names.character(one.turn.character).casefold()),
    "words": ("First words", False, lambda one, _: one.words.casefold() or None),
    "outcome": ("Outcome", False, lambda one, _: f"{one.turn.status} {one.turn.category or ''}"),
    "waited": ("Waited", True, lambda one, _: one.wait_ms),
    "took": ("In all", True, lambda one, _: one.took_ms),
    "tokens": ("Tokens", True, lambda one, _: one.tokens),
    "cost": ("Cost", True, lambda one, _: one.cost),
    "model": ("Model", False, lambda one, _: one.turn.model),
}
"""TurnHead -> its head, whether it holds numbers, and what it is sorted by."""


@dataclass(frozen=True, slots=True)
class TurnHead:
    """A column's head. `sort` is what its link asks for; `state` is how the table is sorted by it now, in ARIA's words."""

    title: str
    number: bool
    sort: str
    state: str = "none"


def columns(sort: str) -> tuple[TurnHead, ...]:
    """The heads of the table. Pure.

    `sort` is NEWEST where nothing was asked. The first click puts the greatest number or the first letter on top, the next one
    turns that round, a third gives the newest.
    """
    found = []
    for name, (title, is_number, _) in _KEYS.items():
        falling = is_number or name == "when"
        first, second = (f"-{name}", name) if falling else (name, f"-{name}")
        state = "none" if sort.removeprefix("-") != name else "descending" if sort.startswith("-") else "ascending"
        following = {first: second, second: ""}.get(sort, first)
        found.append(TurnHead(title, is_number, "" if following == NEWEST else following, state))
    return tuple(found)


def ordered(lines: tuple[TurnLine, ...], sort: str, names: Called) -> tuple[TurnLine, ...]:
    """The lines by a column; `-` before its name turns it round. What has no value stands last either way. Pure."""
    if sort.removeprefix("-") not in _KEYS:
        return lines
    key = _KEYS[sort.removeprefix("-")][2]
    valued = [(value, one) for one in lines if (value := key(one, names)) is not None]
    valued.sort(key=lambda pair: pair[0], reverse=sort.startswith("-"))
    return (*(one for _, one in valued), *(one for one in lines if key(one, names) is None))


async def show(request: Request) -> Response:
    """`GET /turns`: turns by any combination of character, person, channel, outcome, error, model and time, newest first or sorted."""
    console = console_of(request)
    key = request.query_params.get("find", "").strip()
    if key and (turn := await find(console, key.lower())):
        return Response(status_code=303, headers={"location": f"/turns/{turn.turn}"})
    asked, status = await asked_for(console, request.query_params)
    sort = request.query_params.get("sort", "").strip()
    sort = sort if sort.removeprefix("-") in _KEYS and sort != NEWEST else ""
    before = number(request.query_params.get("before_position", ""))
    found = TurnPage() if asked.wrong else await listed(console, asked, status, before, SORTED if sort else ROWS)
    people, places = ({getattr(one.turn, name) for one in found.lines} for name in ("user_id", "channel"))
    names = await called(console, people, places, suggestions=not by_script(request))
    found = replace(found, lines=ordered(found.lines, sort, names))
    context = {"asked": asked, "listed": found, "called": names, "status": status, "missing": key, "outcomes": OUTCOMES}
    context |= {"sort": sort, "columns": columns(sort or NEWEST), "before": before}
    if by_script(request):
        return HTMLResponse(fragment("_turn_rows.html" if before is not None and not sort else "_turns.html", **context))
    async with console.log.pool.connection() as connection:
        choices = {"category": await timeline.values(connection, "category"), "model": await timeline.values(connection, "model")}
    return page(request, "turns.html", context | {"choices": choices}, section="Turns")


async def listed(console: Console, asked: Filters, status: str, before: int | None, rows: int = ROWS) -> TurnPage:
    """The turns that match. Those still running appear when nothing is asked that only an end can tell."""
    async with console.log.pool.connection() as connection:
        found = await timeline.page(connection, replace(asked.wanted, types=types_of(asked, status)), before=before, limit=rows)
        known = {turn.turn: turn for turn in await turns.some(connection, [entry.turn for entry in found.entries if entry.turn])}
        in_order = [known[turn] for turn in dict.fromkeys(entry.turn for entry in found.entries) if turn is not None and turn in known]
        shown = [turn for turn in in_order if status != "pending" or turn.status == "pending"]
        words = await said.of_messages(connection, console.log.vault, {turn.message_id for turn in shown})
    now = clock.now()
    lines = tuple(line(turn, words[turn.message_id].text if turn.message_id in words else "", now) for turn in shown)
    return TurnPage(lines, found.older, found.complete)
