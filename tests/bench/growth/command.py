"""`tzurot bench growth`: does anything get slower as the log gets longer? Appends, tailing, a timeline page, a history page."""

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import psycopg
import typer

from engine import embedded, ids
from engine.migrate import migrate
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections import history, rebuild, timeline
from projections.history import HISTORY
from projections.timeline import TIMELINE
from tests.bench.append import talk
from tests.bench.append.load import messages
from tests.bench.append.talk import CHANNELS, CHARACTERS, FIRST_ID, PEOPLE

SAMPLES = 400
PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """Latencies in milliseconds of `samples` calls on a log of `events` events."""

    name: str
    events: int
    p50_ms: float
    p99_ms: float
    samples: int


def growth(
    sizes: Annotated[str, typer.Option(help="Sizes of the log, with commas, ascending.")] = "10000,100000,1000000",
    as_json: Annotated[bool, typer.Option("--json", help='Print {"rows": [...]} on standard output.')] = False,
) -> None:
    """Measure the same four things at several sizes of the log."""
    report = asyncio.run(measure([int(size) for size in sizes.split(",")], lambda line: print(line, file=sys.stderr)))
    if as_json:
        print(json.dumps(report))
        return
    for row in report["rows"]:
        print("  ".join(f"{key}={round(value, 3) if isinstance(value, float) else value}" for key, value in row.items()))
    print(json.dumps(report["ratios"], indent=2))


async def measure(sizes: list[int], note: Callable[[str], None]) -> dict[str, Any]:
    """Grow one log and measure at every size."""
    rows: list[Row] = []
    async with embedded.temporary_postgres() as server:
        await migrate(server.dsn)
        async with open_log(server.dsn, MasterKey.of(bytes(32))) as log:
            turns = 0
            for size in sizes:
                turns += await talk.fill(log, max(0, size - await log.head()), start=turns)
                await rebuild.rebuild(server.dsn, [HISTORY, TIMELINE])
                await _settle(server.dsn)
                rows += await _measured(log, size)
                note(f"{size:,} events done")
    return {"rows": [asdict(row) for row in rows], "ratios": ratios(rows)}


async def _settle(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("VACUUM (ANALYZE) events")
        await connection.execute("CHECKPOINT")


async def _measured(log: Log, size: int) -> list[Row]:
    noise = random.Random(size)
    async with log.pool.connection() as connection:

        async def timeline_page() -> None:
            wanted = (
                timeline.Filter(character=ids.derived("bench character", noise.randrange(CHARACTERS))),
                timeline.Filter(user=FIRST_ID + noise.randrange(PEOPLE)),
                timeline.Filter(channel=FIRST_ID + noise.randrange(CHANNELS)),
            )
            await timeline.page(connection, noise.choice(wanted), limit=PAGE)

        async def history_page() -> None:
            await history.recent(connection, log.vault, FIRST_ID + noise.randrange(CHANNELS), until=2**62, limit=PAGE)

        timeline_row = await _sampled("timeline_page", size, timeline_page)
        history_row = await _sampled("history_page", size, history_page)
    return [await _appends(log, size), await _tail(log, size), timeline_row, history_row]


async def _sampled(name: str, size: int, work: Callable[[], Awaitable[None]]) -> Row:
    for _ in range(20):
        await work()
    found = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        await work()
        found.append((time.perf_counter() - began) * 1000)
    return _row(name, size, found)


async def _appends(log: Log, size: int) -> Row:
    """16 producers, one event at a time."""
    found: list[float] = []

    async def produce(events: list[Any]) -> None:
        for new in events:
            began = time.perf_counter()
            await log.append(new)
            found.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(produce(events) for events in messages(16, 250, 500_000_000 + size * 10)))
    return _row("append", size, found[200:])


async def _tail(log: Log, size: int) -> Row:
    """From the call of an append to its row in a follower's hands."""
    found: list[float] = []
    arrived = asyncio.Event()

    async def follow() -> None:
        async for rows in log.follow(await log.head()):
            if rows:
                arrived.set()

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.3)
    for new in messages(1, SAMPLES, 600_000_000 + size * 10)[0]:
        arrived.clear()
        began = time.perf_counter()
        await log.append(new)
        await asyncio.wait_for(arrived.wait(), 10)
        found.append((time.perf_counter() - began) * 1000)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return _row("tail", size, found)


def _row(name: str, size: int, found: list[float]) -> Row:
    ordered = sorted(found)
    return Row(name, size, ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], len(ordered))


def ratios(rows: list[Row]) -> dict[str, float]:
    """Largest size over smallest: p99 of appends, p50 of the others (aim: at most 1.3)."""
    found = {}
    for name in dict.fromkeys(row.name for row in rows):
        own = [row for row in rows if row.name == name]
        first, last = own[0], own[-1]
        found[f"{name}_p50"] = last.p50_ms / first.p50_ms
        found[f"{name}_p99"] = last.p99_ms / first.p99_ms
    return found
