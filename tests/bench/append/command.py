"""`tzurot bench append`: how fast the log takes events, beside the library's own way, a bare INSERT and COPY."""

import asyncio
import gc
import json
import os
import secrets
import statistics
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from engine import embedded
from engine.store import Log, Query, open_log
from engine.vault import MasterKey
from tests.bench.append import contenders
from tests.bench.append.contenders import Chat, Run
from tests.bench.append.load import messages
from tests.support import clusters, forks

EVENTS = {1: 1_500, 16: 12_000, 64: 32_000, 256: 32_000}
"""Events of ours per run and number of producers: a second or two each."""
SLOW_EVENTS = {1: 600, 16: 960, 64: 1_280, 256: 1_280}
INSERT_EVENTS = {1: 1_500, 16: 4_000, 64: 6_400, 256: 6_400}
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """Medians over the rounds. `events_per_s_min` and `_max` show how steady the machine was."""

    name: str
    producers: int
    events_per_s: float
    p50_ms: float
    p99_ms: float
    rounds: int
    events_per_s_min: float
    events_per_s_max: float


def append(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; every contender runs once in each.")] = 5,
    producers: Annotated[str, typer.Option(help="Numbers of concurrent producers, with commas.")] = "1,16,64,256",
    processes: Annotated[int, typer.Option(min=0, help="Writing processes of the gap check; 0 leaves it out.")] = 4,
    scale: Annotated[float, typer.Option(min=0.001, max=10, help="Events per run, as a share of the usual number.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help='Print {"rows": [...]} on standard output.')] = False,
) -> None:
    """Measure appends: ours, eventsourcing's Application.save, one INSERT per commit, COPY. Same server, same round."""
    counts = [int(p) for p in producers.split(",")]
    report = asyncio.run(measure(rounds, counts, processes, lambda line: print(line, file=sys.stderr), scale))
    if as_json:
        print(json.dumps(report))
        return
    for row in report["rows"]:
        print("  ".join(f"{key}={round(value, 2) if isinstance(value, float) else value}" for key, value in row.items()))
    print(json.dumps(report["ratios"], indent=2))


async def measure(rounds: int, producers: Sequence[int], processes: int, note: Note, scale: float = 1.0) -> dict[str, Any]:
    """Every contender once a round, in turn, so that a busy moment of the machine meets all of them."""
    runs: dict[tuple[str, int], list[Run]] = {}
    async with clusters.temporary() as server:
        for number in range(rounds):
            async with _database(server) as dsn:
                await _round(dsn, producers, runs, scale)
            note(f"round {number + 1} of {rounds} done")
        gaps = await _gap_check(server, processes, _each(5_000, 1, scale)) if processes else []
    rows = [_row(name, count, found) for (name, count), found in runs.items()]
    return {"rows": [asdict(row) for row in rows] + gaps, "ratios": ratios(rows)}


@asynccontextmanager
async def _database(server: embedded.Postgres) -> AsyncIterator[str]:
    name = f"bench_{secrets.token_hex(4)}"
    dsn = await clusters.database(server, name)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(contenders.PLAIN_TABLE)
    yield dsn
    await embedded.drop_database(server.admin_dsn, name)


async def _round(dsn: str, producers: Sequence[int], runs: dict[tuple[str, int], list[Run]], scale: float) -> None:
    async with open_log(dsn, MasterKey.of(secrets.token_bytes(32))) as log:
        await contenders.ours(log, messages(64, 5, 0))  # connections, plans, keys
        app = Chat(env=contenders.environment(dsn))
        contenders.application_save(app, 16, 5)
        first = 1_000_000
        for count in producers:
            work = messages(count, _each(EVENTS[count], count, scale), first)
            gc.collect()
            gc.freeze()  # what was prepared is no part of what is measured, for none of the contenders
            runs.setdefault(("ours", count), []).append(await contenders.ours(log, work))
            saved = await asyncio.to_thread(contenders.application_save, app, count, _each(SLOW_EVENTS[count], count, scale))
            runs.setdefault(("application_save", count), []).append(saved)
            each = _each(INSERT_EVENTS[count], min(count, contenders.CONNECTIONS), scale)
            runs.setdefault(("insert", count), []).append(await contenders.insert(dsn, count, each, first))
            first += 1_000_000
            gc.unfreeze()
        app.close()
    runs.setdefault(("copy", 1), []).append(await contenders.copy(dsn, _each(30_000, 1, scale), first))


def _each(events: int, producers: int, scale: float) -> int:
    """Events of one producer."""
    return max(1, round(events * scale) // producers)


def _row(name: str, producers: int, runs: Sequence[Run]) -> Row:
    rates = [run.events_per_s for run in runs]
    p50, p99 = (statistics.median(run.quantile(share) for run in runs) for share in (0.5, 0.99))
    return Row(name, producers, statistics.median(rates), p50, p99, len(runs), min(rates), max(rates))


def ratios(rows: Sequence[Row]) -> dict[str, float]:
    """What the aims are about: ours at 64 producers over the library's best, over COPY; a single append over a bare INSERT."""
    by = {(row.name, row.producers): row for row in rows}
    best_save = max((row.events_per_s for row in rows if row.name == "application_save"), default=0.0)
    found: dict[str, float] = {}
    if (many := by.get(("ours", 64))) is not None:
        found["ours_64_over_application_save_64"] = many.events_per_s / by["application_save", 64].events_per_s
        found["ours_64_over_best_application_save"] = many.events_per_s / best_save
        found["ours_64_over_copy"] = many.events_per_s / by["copy", 1].events_per_s
    if (single := by.get(("ours", 1))) is not None:
        found["single_p50_over_insert_p50"] = single.p50_ms / by["insert", 1].p50_ms
    return found


def _producer(dsn: str, number: int, events: int) -> BaseProcess:
    words = (dsn, str(number), str(events))
    return forks.program("tests.bench.append.producer:main", *words, environment=os.environ, folder=Path.cwd())


async def _gap_check(server: embedded.Postgres, processes: int, events: int) -> list[dict[str, object]]:
    """Several processes append while one reader tails: it must see every position, once, in order."""
    dsn = await clusters.database(server, f"bench_{secrets.token_hex(4)}")
    await forks.warm()
    children = [_producer(dsn, number, events) for number in range(processes)]
    async with open_log(dsn, MasterKey.of(bytes(32))) as log:
        async with asyncio.timeout(300):
            seen, gaps = await _tail(log, processes * events)
        versions = [row.version async for row in log.rows(Query(stream="shared"))]
    for child in children:
        await asyncio.to_thread(child.join)
    return [
        {
            "name": f"ours_{processes}_processes",
            "events": seen,
            "missed": processes * events - seen,
            "gaps": gaps,
            "versions_contiguous": versions == list(range(1, len(versions) + 1)),
        }
    ]


async def _tail(log: Log, wanted: int) -> tuple[int, int]:
    seen = gaps = last = 0
    async with aclosing(log.follow(0)) as batches:
        async for rows in batches:
            for row in rows:
                gaps += row.position != last + 1
                last, seen = row.position, seen + 1
            if seen >= wanted:
                break
    return seen, gaps
