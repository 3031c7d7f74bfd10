"""Live: what happens at this moment, by part, and it moves by itself."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from bot.console import stream
from bot.console.people import Called, called
from bot.console.render import fragment, page
from bot.console.state import Console, console_of
from engine import clock
from engine.bus.consumer import TRANSIENT
from projections.live import heartbeats, in_flight
from projections.live.heartbeats import Heartbeat
from projections.live.in_flight import STAGES, InFlight, Stage
from projections.models import jobs
from projections.models.jobs import Job

EVERY_S = 1.0
JOBS = 20
PARTS = {"bot": "Discord", "console": "Console", "projections": "Read models", "worker": "Worker"}
HEADINGS: Mapping[Stage, tuple[str, str]] = {
    "waiting": ("Waiting", "for a free worker, or for the turn before in the same conversation"),
    "preparing": ("Preparing", "a worker puts the prompt together"),
    "writing": ("Writing", "a model was asked"),
    "delivering": ("Delivering", "the answer is on its way into its channel"),
}


@dataclass(frozen=True, slots=True)
class StageColumn:
    """One stage: how many turns are in it, and the oldest of them."""

    stage: Stage
    label: str
    about: str
    among: int
    turns: tuple[InFlight, ...]


@dataclass(frozen=True, slots=True)
class AlivePart:
    """A part of the system: how many of its processes say that they are alive. `off`: it is not meant to do anything."""

    label: str
    alive: int
    off: bool = False


@dataclass(frozen=True, slots=True)
class Now:
    """Everything that is under way."""

    columns: tuple[StageColumn, ...]
    jobs: tuple[Job, ...]
    parts: tuple[AlivePart, ...]
    called: Called
    at: datetime

    @property
    def quiet(self) -> bool:
        return not self.jobs and not any(column.among for column in self.columns)


def columns(found: Sequence[InFlight]) -> tuple[StageColumn, ...]:
    """Turns by their stage, in the order in which a turn goes through them. Pure."""
    by = {stage: tuple(one for one in found if one.stage == stage) for stage in STAGES}
    return tuple(StageColumn(stage, *HEADINGS[stage], by[stage][0].among if by[stage] else 0, by[stage]) for stage in STAGES)


def running_parts(alive: Sequence[Heartbeat]) -> tuple[AlivePart, ...]:
    """Every part, those of which no process is alive too. Pure."""
    by = {part: [beat for beat in alive if beat.process == part] for part in PARTS}
    return tuple(
        AlivePart(label, len(by[part]), bool(by[part]) and all(beat.details.get("discord") == "off" for beat in by[part]))
        for part, label in PARTS.items()
    )


async def look(console: Console) -> Now:
    """What is under way now."""
    async with console.log.pool.connection() as connection:
        found = await in_flight.now(connection)
        running = await jobs.recent(connection, status="running", limit=JOBS)
        alive = await heartbeats.alive(connection)
    names = await called(console, {one.user_id for one in found}, {one.channel for one in found})
    return Now(columns(found), tuple(running), running_parts(alive), names, clock.now())


async def show(request: Request) -> Response:
    """`GET /live`: turns in flight by stage, running jobs, parts that are alive."""
    return page(request, "live.html", {"now": await look(console_of(request))}, section="Live")


async def follow(request: Request) -> Response:
    """`GET /live/stream`: the same again for as long as something is under way, and whenever something begins."""
    return stream.sse(console_of(request), _looks(console_of(request)))


async def _looks(console: Console) -> AsyncIterator[ServerSentEvent]:
    was_quiet = False
    with console.feed.watch() as watch:
        while not console.feed.closing.is_set():
            try:
                now = await look(console)
            except TRANSIENT:
                await asyncio.sleep(stream.POLL_SECONDS)
                continue
            if not (now.quiet and was_quiet):
                yield ServerSentEvent(fragment("_in_flight.html", now=now), event="live")
            was_quiet = now.quiet
            await watch.wait(EVERY_S)
            await asyncio.sleep(0.25)
