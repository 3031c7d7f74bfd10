"""The event timeline: every event there is, newest first, filtered by its clear tags, live."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.console import stream, words
from bot.console.filters import Filters, number
from bot.console.pages import conversation, timeline_rows
from bot.console.people import called, filters
from bot.console.render import by_script, fragment, page, problem
from bot.console.state import OPERATOR, Console, console_of
from engine import clock
from engine.bus.consumer import TRANSIENT
from engine.events import Event
from engine.store import Recorded
from projections.models import timeline

ROWS = 50


async def show(request: Request) -> Response:
    """`GET /timeline`: a page of events, those of one turn together unless `view=events`; htmx gets the rows only."""
    console = console_of(request)
    asked, flat = await filters(console, request.query_params), request.query_params.get("view") == "events"
    before = number(request.query_params.get("before_position", ""))
    async with console.log.pool.connection() as connection:
        after = await timeline.head(connection)
        found = timeline.Page(()) if asked.wrong else await timeline.page(connection, asked.wanted, before=before, limit=ROWS)
    rows, names = await timeline_rows.rows(console, found.entries, flat=flat, after=request.query_params.get("day", "")[:20])
    last = found.entries[-1].recorded_at.strftime("%d %b %Y") if found.entries else ""
    context = {"asked": asked, "page": found, "rows": rows, "called": names, "after": after, "first": before is None, "flat": flat}
    context |= {"operator": OPERATOR, "last_day": last}
    if by_script(request):
        return HTMLResponse(fragment("_events.html" if before is None else "_event_rows.html", **context))
    async with console.log.pool.connection() as connection:
        choices = {"category": await timeline.values(connection, "category"), "model": await timeline.values(connection, "model")}
    context |= {"kinds": words.kinds(), "choices": choices, "hours": await timeline_rows.last_day(console, clock.now())}
    return page(request, "timeline.html", context | {"suggested": await called(console, suggestions=True)}, section="Timeline")


async def live(request: Request) -> Response:
    """`GET /timeline/stream`: the rows of matching events as they are recorded; a turn's row comes again as it grows."""
    console = console_of(request)
    asked = await filters(console, request.query_params)
    if asked.wrong:
        return Response(status_code=422)
    return stream.sse(console, _rows(console, asked, stream.start_of(request), flat=request.query_params.get("view") == "events"))


async def _rows(console: Console, asked: Filters, after: int, *, flat: bool) -> AsyncIterator[ServerSentEvent]:
    with console.feed.watch() as watch:
        while not console.feed.closing.is_set():
            try:
                async with console.log.pool.connection() as connection:
                    found = await timeline.newer(connection, asked.wanted, after)
                told = await _told(console, asked, found, flat=flat) if found else None
            except TRANSIENT:
                await asyncio.sleep(stream.POLL_SECONDS)
                continue
            if told is not None:
                after = found[0].position
                yield ServerSentEvent(told, event="rows", id=str(after))
            await watch.wait(2 * stream.POLL_SECONDS)
            await asyncio.sleep(0.25)


async def _told(console: Console, asked: Filters, found: Sequence[timeline.TimelineEntry], *, flat: bool) -> str:
    """The rows of what was recorded, as HTML."""
    shown = found if flat else await timeline_rows.whole_turns(console, asked.wanted, found)
    rows, names = await timeline_rows.rows(console, shown, flat=flat, after="-")
    context = {"rows": rows, "called": names, "page": timeline.Page(()), "asked": asked, "flat": flat, "live": True}
    return fragment("_event_rows.html", operator=OPERATOR, fresh=True, last_day="", **context)


@dataclass(frozen=True, slots=True)
class Opened:
    """One event as its page shows it. `fields` and `sealed` are its data as JSON text."""

    recorded: Recorded[Event]
    fields: str
    sealed: dict[str, str]


def opened(recorded: Recorded[Event]) -> Opened:
    """The event with its sealed part apart. Pure."""
    values = recorded.event.model_dump(mode="json")
    clear = {name: value for name, value in values.items() if name in recorded.event.CLEAR}
    sealed = {name: _readable(values[name]) for name in sorted(recorded.event.SEALED) if values[name] not in ("", [], {}, None)}
    return Opened(recorded, _readable(clear), sealed)


def _readable(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()


async def event(request: Request) -> Response:
    """`GET /events/{key}`: one event by its id or position, opened, and what belongs to it."""
    console, key = console_of(request), request.path_params["key"]
    recorded = await _find(console, key)
    if recorded is None:
        return problem(request, 404, "No such event", "Events are never removed, so the address is wrong or of another installation.")
    cause = await console.log.find(recorded.row.causation) if recorded.row.causation else None
    known = await conversation.names(console)
    related = await _same_turn(console, recorded)
    context = {"opened": opened(recorded), "row": recorded.row, "cause": cause, "related": related, "called": known, "operator": OPERATOR}
    row = recorded.row
    context["names"] = await called(console, {row.user} if row.user else (), {place for place in (row.channel, row.guild) if place})
    return page(request, "event.html", context, section="Timeline")


async def _find(console: Console, key: str) -> Recorded[Event] | None:
    if (position := number(key)) is not None:
        found = await console.log.at([position])
        return found[0] if found else None
    try:
        return await console.log.find(UUID(key))
    except ValueError:
        return None


async def _same_turn(console: Console, recorded: Recorded[Event]) -> Sequence[timeline.TimelineEntry]:
    if recorded.row.turn is None:
        return ()
    async with console.log.pool.connection() as connection:
        return (await timeline.page(connection, timeline.Filter(turn=recorded.row.turn), limit=30)).entries[::-1]
