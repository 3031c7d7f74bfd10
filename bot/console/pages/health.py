"""Health: what runs, what is behind, what is away. Every probe has its own time limit, so a dead dependency costs no more than it."""

import asyncio
import os
import resource
import socket
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.console import words
from bot.console.render import page
from bot.console.state import Console, console_of
from engine import clock, process
from engine.bus import subjects
from engine.store import connect
from projections import status
from projections.follow import aside
from projections.status import RELAY, Behind, Status

PROBE_SECONDS = 1.5
LATE_SECONDS = 15.0
"""Who has not taken up an event for so long stands still, whatever its heartbeat says."""
WAIT_SECONDS = 10.0
"""A person whose turn nobody has begun for so long has noticed it."""
STARTED = clock.now()


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a dependency answered. `sentence` says what it said, or what to do; `off`: it is not meant to run."""

    name: str
    ok: bool
    sentence: str
    off: bool = False


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far a consumer is behind: events not given out yet, and given out but not acknowledged."""

    name: str
    waiting: int
    held: int


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Everything health knows. `status` is None while Postgres is away."""

    version: str
    uptime_s: float
    memory_bytes: int
    probes: tuple[Probe, ...]
    status: Status | None = None
    backlogs: tuple[Backlog, ...] = ()
    lags: dict[str, int] = field(default_factory=dict)
    processes: tuple["Process", ...] = ()

    @property
    def ok(self) -> bool:
        return all(probe.ok for probe in self.probes)


@dataclass(frozen=True, slots=True)
class Process:
    """A running process. `memory_bytes` None when it runs on another machine."""

    name: str
    pid: int
    host: str
    started_at: datetime
    memory_bytes: int | None
    details: dict[str, Any]


def _discord_is_on(console: Console) -> bool:
    return console.settings.discord_token is not None or process.DISCORD_ON in os.environ


async def look(console: Console) -> HealthReport:
    """Ask everything at once."""
    (postgres, found), (nats, backlogs) = await asyncio.gather(_limited(_postgres(console), "Postgres"), _limited(_nats(console), "NATS"))
    processes = tuple(_process(beat) for beat in found.processes) if found else ()
    probes = [postgres, nats, *(roles(found, discord=_discord_is_on(console)) if found else [])]
    return HealthReport(
        version=version("tzurot"),
        uptime_s=(clock.now() - STARTED).total_seconds(),
        memory_bytes=_own_memory(),
        probes=tuple(probes),
        status=found,
        backlogs=backlogs or (),
        lags={progress.name: found.head - progress.position for progress in found.progress if progress.role == "live"} if found else {},
        processes=processes,
    )


async def _limited[T](asking: Coroutine[Any, Any, tuple[Probe, T]], name: str) -> tuple[Probe, T | None]:
    """What the probe says, or that it said nothing in time.

    Never waits for a late probe to end: cancelling a query takes 10 s when the server is frozen.
    """
    task = asyncio.ensure_future(asking)
    await asyncio.wait({task}, timeout=PROBE_SECONDS)
    if not task.done():
        _abandon(task)
        return Probe(name, False, f"No answer within {PROBE_SECONDS:g} seconds."), None
    if (error := task.exception()) is not None:
        return Probe(name, False, f"Not usable ({type(error).__name__})."), None
    return task.result()


_abandoned: set[asyncio.Future[Any]] = set()


def _abandon(task: "asyncio.Future[Any]") -> None:
    _abandoned.add(task)
    task.add_done_callback(_forget)
    task.cancel()


def _forget(task: "asyncio.Future[Any]") -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # asked for, so that nobody complains that it was not


async def _postgres(console: Console) -> tuple[Probe, Status]:
    async with console.log.pool.connection(timeout=PROBE_SECONDS) as connection:
        found = await status.look(connection)
    if not await console.log.has_room():
        return Probe("Postgres", False, "No room on its disk. Free some; it goes on by itself."), found
    return Probe("Postgres", True, f"Version {found.server}, {found.head:,} events."), found


async def _nats(console: Console) -> tuple[Probe, tuple[Backlog, ...]]:
    if console.settings.nats_url is None:
        return Probe("NATS", False, "NATS_URL is not set."), ()
    if (stream := console.bus.stream) is None:
        return Probe("NATS", False, "Not connected."), ()
    infos = await asyncio.gather(*(stream.consumer_info(subjects.STREAM, name) for name in subjects.DURABLES))
    backlogs = tuple(Backlog(info.name, info.num_pending or 0, info.num_ack_pending or 0) for info in infos)
    return Probe("NATS", True, f"{len(backlogs)} consumers."), backlogs


_ROLES = {"projections": "Pages and prompts stand still.", "worker": "Nobody answers.", "bot": "Discord is silent."}


def roles(found: Status, *, discord: bool) -> list[Probe]:
    """One probe per part that must run, from the processes that say they are alive. Pure."""
    alive = {beat.process for beat in found.processes}
    bots = [beat.details.get("discord") for beat in found.processes if beat.process == "bot"]
    wanted = {role: consequence for role, consequence in _ROLES.items() if discord or role != "bot"}
    probes = [
        Probe(
            "Discord" if role == "bot" else role.capitalize(), role in alive, "Running." if role in alive else f"Not running. {consequence}"
        )
        for role, consequence in wanted.items()
    ]
    if discord and bots and set(bots) <= {"not connected", "standing by"}:
        probes = [probe for probe in probes if probe.name != "Discord"]
        probes.append(Probe("Discord", False, f"Running, but not connected. {_ROLES['bot']}"))
    if not discord:
        probes.append(Probe("Discord", True, "Off: there is no DISCORD_TOKEN.", off=True))
    if stopped := [progress.name for progress in found.progress if progress.status == "stopped"]:
        probes.append(Probe("Read models", False, f"Stopped at an event they cannot digest: {', '.join(stopped)}."))
    if found.aside:
        probes.append(Probe("Events put aside", False, f"{told(found.aside)} `tzurot read-models aside` lists them."))
    return probes + waits(found) + late(found, frozenset(stopped))


def told(aside: Mapping[str, int]) -> str:
    """The sentence about events that read models left out, so that one row's content stopped nobody. Pure."""
    named = ", ".join(f"{name} {count}" for name, count in aside.items())
    return f"Left out because Postgres refused what they hold: {named}."


def waits(found: Status) -> list[Probe]:
    """A probe for turns that wait too long, and one for jobs that were given up. Pure."""
    probes = []
    if found.wait_s >= WAIT_SECONDS:
        turns = f"{found.waiting_turns:,} turn{'s wait' if found.waiting_turns != 1 else ' waits'}"
        probes.append(Probe("Turns", False, f"{turns}, the oldest for {words.span(found.wait_s)}."))
    if dead := found.jobs.get("dead", 0):
        probes.append(Probe("Jobs", False, f"{dead} given up. See the page Jobs."))
    return probes


def late(found: Status, stopped: frozenset[str] = frozenset()) -> list[Probe]:
    """A probe for each of read models and relay that stands still although its process says it is alive. Pure."""
    waiting = [one for one in found.behind if one.seconds >= LATE_SECONDS and one.name not in stopped]
    models = [one for one in waiting if one.name != RELAY]
    probes = [Probe("Relay", False, f"Behind by {_span(one)}.") for one in waiting if one.name == RELAY]
    if models:
        worst = max(models, key=lambda one: one.seconds)
        names = ", ".join(one.name for one in models)
        probes.append(Probe("Read models", False, f"Behind by {_span(worst)}: {names}."))
    return probes


def _span(behind: Behind) -> str:
    return f"{behind.events:,} event{'s' if behind.events != 1 else ''} for {behind.seconds:.0f} s"


def _process(beat: Any) -> Process:
    here = beat.host == socket.gethostname()
    return Process(beat.process, beat.pid, beat.host, beat.started_at, _memory(beat.pid) if here else None, beat.details)


def _memory(pid: int) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def _own_memory() -> int:
    return _memory(os.getpid()) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def as_json(report: HealthReport) -> dict[str, Any]:
    """The report for programs."""
    found = report.status
    return {
        "status": "ok" if report.ok else "degraded",
        "version": report.version,
        "uptime_s": round(report.uptime_s, 1),
        "memory_bytes": report.memory_bytes,
        "probes": [asdict(probe) for probe in report.probes],
        "stream_lag": {backlog.name: backlog.waiting + backlog.held for backlog in report.backlogs},
        "relay_lag": found.head - found.relayed if found else None,
        "projection_lag": report.lags,
        "behind_s": {one.name: round(one.seconds, 1) for one in found.behind} if found else None,
        "active_characters": found.active_characters if found else None,
        "pending_turns": found.pending_turns if found else None,
        "waiting_turns": found.waiting_turns if found else None,
        "longest_wait_s": round(found.wait_s, 1) if found else None,
        "jobs": found.jobs if found else None,
        "processes": [{"name": p.name, "pid": p.pid, "memory_bytes": p.memory_bytes} for p in report.processes],
    }


async def show(request: Request) -> Response:
    """`GET /health`: for people."""
    return page(request, "health.html", {"report": await look(console_of(request)), "now": clock.now()}, section="Health")


async def healthz(request: Request) -> Response:
    """`GET /healthz`: this process lives; the body says how the rest does, and to whoever is not logged in only whether it is well."""
    report = as_json(await look(console_of(request)))
    return JSONResponse(report if request.state.known else {"status": report["status"]})


async def readyz(request: Request) -> Response:
    """`GET /readyz`: 200 when Postgres answers and takes what is appended, 503 when not: nothing can be stored then."""
    console, known = console_of(request), request.state.known
    if console.log.available:
        probe, _ = await _limited(_postgres(console), "Postgres")
    else:
        waiting = f": {console.log.waiting} events wait to be stored" if known else ""
        probe = Probe("Postgres", False, f"Away{waiting}.")
    code = 200 if probe.ok else 503
    if not known:
        return JSONResponse({"ok": probe.ok}, code)
    return JSONResponse(asdict(probe) | {"put_aside": await _put_aside(console) if probe.ok else None}, code)


async def _put_aside(console: Console) -> int | None:
    """How many events read models left out; None when that cannot be read now."""
    try:
        async with asyncio.timeout(1.0), console.log.pool.connection() as connection:
            return sum((await aside.counts(connection)).values())
    except TimeoutError:
        return None
    except connect.TROUBLE:
        return None
