"""`tzurot bench replay`: reading the log back and building every read model from it, beside raw SELECT and the library's own ways."""

import asyncio
import functools
import gc
import json
import secrets
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection as LibraryProjection
from eventsourcing.projection import ProjectionRunner
from eventsourcing.utils import get_topic
from psycopg.sql import SQL

from engine import embedded
from engine.migrate import migrate
from engine.store import Log, bulk, open_log
from engine.vault import MasterKey
from projections.base import Projection
from projections.follow import rebuild
from projections.registry import ALL
from tests.bench.append import contenders, talk

MASTER = MasterKey.of(bytes(32))
LIBRARY_EVENTS = 20_000
LIBRARY_PROJECTED = 4_000
RSS_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Row:
    """Medians over the rounds. `cpu_us`: CPU of this process per event, which other load disturbs least; `peak_rss_mb`: its memory."""

    name: str
    events: int
    events_per_s: float
    seconds: float
    cpu_us: float
    peak_rss_mb: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Timed:
    events: int
    seconds: float
    cpu_s: float
    rss_mb: float


def replay(
    events: Annotated[int, typer.Option(min=1_000, help="Events in the log.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the reading rows; every contender runs once in each.")] = 5,
    rebuilds: Annotated[int, typer.Option(min=0, help="Rounds of the rebuilds.")] = 1,
    alone: Annotated[str, typer.Option(help="Read models that are rebuilt alone, with commas; else each of them.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help='Print {"rows": [...]} on standard output.')] = False,
) -> None:
    """Measure reading, opening and decoding, and full rebuilds. The log holds whole turns, seven events each."""
    report = asyncio.run(measure(events, rounds, rebuilds, lambda line: print(line, file=sys.stderr), alone.split(",") if alone else None))
    if as_json:
        print(json.dumps(report))
        return
    for row in report["rows"]:
        print("  ".join(f"{key}={round(value, 2) if isinstance(value, float) else value}" for key, value in row.items()))
    print(json.dumps(report["ratios"], indent=2))


async def measure(
    events: int, rounds: int, rebuilds: int, note: Callable[[str], None], alone: Sequence[str] | None = None
) -> dict[str, Any]:
    """All rows, on one server. `alone`: names of the read models that get a row of their own; each of them when None."""
    own = [projection for projection in ALL if alone is None or projection.name in alone]
    runs: dict[str, list[Timed]] = {}
    async with embedded.temporary_postgres() as server:
        dsn = await _database(server)
        async with open_log(dsn, MASTER) as log:
            began = time.perf_counter()
            await _fill(log, events, note)
            note(f"{await log.head():,} events written in {time.perf_counter() - began:.0f} s")
            library = await asyncio.to_thread(_library, await _database(server), min(LIBRARY_EVENTS, events))
            await _vacuum(dsn)
            for number in range(rounds):
                await _reads(log, library, runs)
                note(f"round {number + 1} of {rounds} done")
            library.close()
            for number in range(rebuilds):
                await _rebuilds(log, own, runs, functools.partial(_said, note, f"rebuilds {number + 1} of {rebuilds}"))
        if rebuilds:
            projected = await asyncio.to_thread(_project, await _database(server), min(LIBRARY_PROJECTED, events))
            runs["eventsourcing_projection"] = [projected]
    rows = [_row(name, found) for name, found in runs.items()]
    return {"rows": [asdict(row) for row in rows], "ratios": ratios(rows)}


async def _database(server: embedded.Postgres) -> str:
    dsn = await embedded.create_database(server.admin_dsn, f"bench_{secrets.token_hex(4)}")
    await migrate(dsn)
    return dsn


def _said(note: Callable[[str], None], where: str, line: str) -> None:
    note(f"{where}: {line}")


async def _fill(log: Log, events: int, note: Callable[[str], None]) -> None:
    """In tenths, so that somebody who waits sees it move."""
    for tenth in range(10):
        await talk.fill(log, events // 10, start=tenth * events, seed=tenth)
        note(f"{await log.head():,} of {events:,} events")


async def _vacuum(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("VACUUM (ANALYZE) events")


async def _reads(log: Log, library: contenders.Chat, runs: dict[str, list[Timed]]) -> None:
    runs.setdefault("ours_decode", []).append(await timed(lambda: _ours(log)))
    runs.setdefault("raw_select", []).append(await timed(lambda: _raw(log)))
    gc.collect()
    found = await timed(lambda: asyncio.to_thread(_mapper, library))
    runs.setdefault("eventsourcing_mapper", []).append(found)


async def timed(work: Callable[[], Awaitable[int]]) -> Timed:
    """Run and watch the memory of this process meanwhile."""
    watching = asyncio.create_task(_watch())
    began, cpu = time.perf_counter(), time.process_time()
    events = await work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    watching.cancel()
    peak = (await asyncio.gather(watching, return_exceptions=True))[0]
    return Timed(events, seconds, cpu, max(_rss(), peak.peak if isinstance(peak, _Peak) else 0.0))


class _Peak(asyncio.CancelledError):
    peak = 0.0


async def _watch() -> None:
    highest = _rss()
    try:
        while True:
            await asyncio.sleep(RSS_EVERY_S)
            highest = max(highest, _rss())
    except asyncio.CancelledError:
        found = _Peak()
        found.peak = highest
        raise found from None


def _rss() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


async def _ours(log: Log) -> int:
    """Every event typed, its text opened."""
    count = 0
    async for page in log.replay():
        count += len(page)
    return count


async def _raw(log: Log) -> int:
    """The same columns as tuples in the binary format, in the same pages, nothing opened or decoded."""
    count = 0
    async for page in bulk.pages(log.dsn, 0, await log.head()):
        count += len(page)
    return count


def _library(dsn: str, events: int) -> contenders.Chat:
    """An application of the library with its own recorder and as many messages as a round reads."""
    app = contenders.Chat(env=contenders.environment(dsn))
    text = "The tavern keeper wipes a mug, looks up and asks. " * 5
    for first in range(0, events, 500):
        app.save(*(contenders.Message(1, n, "Somebody", text) for n in range(first, first + 500)))
    return app


def _mapper(app: contenders.Chat) -> int:
    """The library's notification log through its mapper to typed domain events."""
    start, count = 1, 0
    while notifications := app.recorder.select_notifications(start, 500):
        count += len([app.mapper.to_domain_event(notification) for notification in notifications])
        start = notifications[-1].id + 1
    return count


async def _rebuilds(log: Log, own: Sequence[Projection], runs: dict[str, list[Timed]], note: Callable[[str], None]) -> None:
    """Each alone, then all of them by one command. The work is done by Postgres, so `cpu_us` is small here."""
    head = await log.head()
    for name, projections in [*((projection.name, [projection]) for projection in own), ("all", list(ALL))]:
        found = await timed(functools.partial(_rebuilt, log.dsn, projections, head))
        runs.setdefault(f"rebuild_{name}", []).append(found)
        note(f"{name} in {found.seconds:.1f} s, {head / found.seconds:,.0f} events/s")


async def _rebuilt(dsn: str, projections: Sequence[Any], head: int) -> int:
    await rebuild.rebuild(dsn, projections)
    return head


class _View(PostgresTrackingRecorder):
    """Keeps one row per message, as a read model of the library would."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        table = "CREATE TABLE IF NOT EXISTS view_messages (id uuid PRIMARY KEY, channel bigint, author bigint, body text)"
        self.sql_create_statements.append(SQL(table) + SQL(""))

    def keep(self, message: Any, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "INSERT INTO view_messages VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                (message.originator_id, message.channel, message.author, message.text),
            )


class _Messages(LibraryProjection[_View]):
    """One upsert and one tracking record per event, as the library's tutorial shows."""

    name = "messages"
    topics = (get_topic(contenders.Message.Received),)  # type: ignore[attr-defined]

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.keep(domain_event, tracking)


def _project(dsn: str, events: int) -> Timed:
    """The library's ProjectionRunner from an empty view to the end."""
    env = contenders.environment(dsn)
    app = contenders.Chat(env=env)
    for first in range(0, events, 500):
        app.save(*(contenders.Message(1, n, "Somebody", "text " * 50) for n in range(first, first + 500)))
    app.close()
    began, cpu = time.perf_counter(), time.process_time()
    with ProjectionRunner(application_class=contenders.Chat, view_class=_View, projection_class=_Messages, env=env) as runner:
        runner.wait(notification_id=events, timeout=300)
    return Timed(events, time.perf_counter() - began, time.process_time() - cpu, _rss())


def _row(name: str, found: Sequence[Timed]) -> Row:
    seconds = statistics.median(run.seconds for run in found)
    rates = statistics.median(run.events / run.seconds for run in found)
    cpu_us = statistics.median(run.cpu_s / run.events for run in found) * 1e6
    return Row(name, found[0].events, rates, seconds, cpu_us, max(run.rss_mb for run in found), len(found))


def ratios(rows: Sequence[Row]) -> dict[str, float]:
    """What the aims are about."""
    by = {row.name: row.events_per_s for row in rows}
    found = {
        "ours_over_eventsourcing_mapper": by["ours_decode"] / by["eventsourcing_mapper"],
        "ours_over_raw_select": by["ours_decode"] / by["raw_select"],
    }
    if "eventsourcing_projection" in by:
        found["rebuild_history_over_eventsourcing_projection"] = by["rebuild_history"] / by["eventsourcing_projection"]
    return found
