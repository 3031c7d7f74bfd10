"""Jobs: what waits, runs and how fast, what was given up; call one off, have one tried again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.console import stream
from bot.console.filters import number
from bot.console.render import by_script, fragment, go, page, problem
from bot.console.state import OPERATOR, Console, console_of
from engine import ids
from engine.actor import operator
from engine.bus.consumer import TRANSIENT
from engine.decide.job import Again, Cancel, cancel_key
from engine.decide.rejected import Rejected
from engine.execute import execute
from projections.models import jobs
from projections.models.jobs import Job

ROWS = 50
STATUSES = {"waiting": "Waiting", "running": "Running", "completed": "Done", "dead": "Given up", "cancelled": "Called off"}


@dataclass(frozen=True, slots=True)
class ListedJobs:
    """A page of jobs, how many there are by status, and the position to go on before."""

    jobs: tuple[Job, ...]
    counts: dict[str, int]
    older: int | None


async def listed(console: Console, status: str, before: int | None = None) -> ListedJobs:
    """The jobs of a status, or all, the latest first."""
    async with console.log.pool.connection() as connection:
        found = await jobs.recent(connection, status=status or None, before=before, limit=ROWS + 1)
        counts = await jobs.counts(connection)
    return ListedJobs(tuple(found[:ROWS]), counts, found[ROWS - 1].position if len(found) > ROWS else None)


async def show(request: Request) -> Response:
    """`GET /jobs?status=`: a page of jobs; htmx gets the list only."""
    console, status = console_of(request), _status(request)
    before = number(request.query_params.get("before_position", ""))
    context = {"listed": await listed(console, status, before), "status": status, "statuses": STATUSES}
    if by_script(request):
        return HTMLResponse(fragment("_jobs.html", **context))
    return page(request, "jobs.html", context, section="Jobs")


async def live(request: Request) -> Response:
    """`GET /jobs/stream?status=`: the list again, whenever it looks different."""
    console = console_of(request)
    return stream.sse(console, _lists(console, _status(request)))


async def _lists(console: Console, status: str) -> AsyncIterator[ServerSentEvent]:
    shown = ""
    with console.feed.watch() as watch:
        while not console.feed.closing.is_set():
            try:
                found = fragment("_jobs.html", listed=await listed(console, status), status=status, statuses=STATUSES)
            except TRANSIENT:
                await asyncio.sleep(stream.POLL_SECONDS)
                continue
            if found != shown:
                shown = found
                yield ServerSentEvent(found, event="jobs")
            await watch.wait(5 * stream.POLL_SECONDS)
            await asyncio.sleep(0.25)


async def cancel(request: Request) -> Response:
    """`POST /jobs/{job}/cancel`: call it off."""
    return await _change(request, again=False)


async def retry(request: Request) -> Response:
    """`POST /jobs/{job}/retry`: have it tried again."""
    return await _change(request, again=True)


async def _change(request: Request, *, again: bool) -> Response:
    console, job = console_of(request), UUID(str(request.path_params["job"]))
    async with console.log.pool.connection() as connection:
        found = await jobs.get(connection, job)
    if found is None:
        return problem(request, 404, "No such job", "Jobs are never removed, so the address is wrong or of another installation.")
    command, key = (Again(job), ids.random_id()) if again else (Cancel(job), cancel_key(job, found.round))
    try:
        await execute(console.log, operator(OPERATOR), command, key, see=("jobs",))
    except Rejected as no:
        return problem(request, 409, "Not changed", str(no))
    return go("/jobs")


def _status(request: Request) -> str:
    status = request.query_params.get("status", "")
    return status if status in STATUSES else ""
