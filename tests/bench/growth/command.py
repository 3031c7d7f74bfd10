"""`tzurot bench growth`: does anything get slower as the log gets longer? Appends, tailing, a timeline page, a history page."""

import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import psycopg
import typer

from engine import embedded, ids
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections.follow import rebuild
from projections.models import history, timeline
from projections.models.history import HISTORY
from projections.models.timeline import TIMELINE
from tests.bench.append import talk
from tests.bench.append.load import messages
from tests.bench.append.talk import CHANNELS, CHARACTERS, FIRST_ID, PEOPLE
from tests.support import clusters

SAMPLES = 400
PAGE = 50


MASTER = MasterKey.of(bytes(32))
Sample = list[float]


@dataclass(frozen=True, slots=True)
class Row:
    """Latencies in milliseconds on a log of `events` events: medians over the rounds, of `samples` calls each."""

    name: str
    events: int
    p50_ms: float
    p99_ms: float
    samples: int
    rounds: int


def growth(
    sizes: Annotated[str, typer.Option(help="Sizes of the log, with commas, ascending.")] = "10000,100000,1000000",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; every size is measured once in each.")] = 5,
    samples: Annotated[int, typer.Option(min=10, help="Calls of each kind per size and round.")] = SAMPLES,
    as_json: Annotated[bool, typer.Option("--json", help='Print {"rows": [...]} on standard output.')] = False,
) -> None:
    """Measure the same four things at several sizes of the log."""
    wanted = [int(size) for size in sizes.split(",")]
    report = asyncio.run(measure(wanted, rounds, lambda line: print(line, file=sys.stderr), samples))
    if as_json:
        print(json.dumps(report))
        return
    for row in report["rows"]:
        print("  ".join(f"{key}={round(value, 3) if isinstance(value, float) else value}" for key, value in row.items()))
    print(json.dumps(report["ratios"], indent=2))


async def measure(sizes: list[int], rounds: int, note: Callable[[str], None], samples: int = SAMPLES) -> dict[str, Any]:
    """Grow one log, keep a copy at every size, and measure the copies in turn, so that a busy moment of the machine meets all of them."""
    found: dict[tuple[str, int], list[Sample]] = {}
    async with clusters.temporary() as server:
        copies = await _grow(server, sizes, note)
        for number in range(rounds):
            for size, dsn in copies.items():
                async with open_log(dsn, MASTER) as log:
                    for name, sample in (await _measured(log, size, number, samples)).items():
                        found.setdefault((name, size), []).append(sample)
            note(f"round {number + 1} of {rounds} done")
    rows = [_row(name, size, samples) for (name, size), samples in sorted(found.items())]
    return {"rows": [asdict(row) for row in rows], "ratios": ratios(rows)}


async def _grow(server: embedded.Postgres, sizes: list[int], note: Callable[[str], None]) -> dict[int, str]:
    """A database per size, with the log and its read models, as it is after a checkpoint."""
    copies: dict[int, str] = {}
    growing = await clusters.database(server, "growing")
    turns = 0
    for size in sizes:
        began = time.perf_counter()
        async with open_log(growing, MASTER) as log:
            turns += await talk.fill(log, max(0, size - await log.head()), start=turns)
        await rebuild.rebuild(growing, [HISTORY, TIMELINE])
        async with await psycopg.AsyncConnection.connect(growing, autocommit=True) as connection:
            await connection.execute("VACUUM (ANALYZE)")
        copies[size] = await embedded.create_database(server.admin_dsn, f"grown_{size}", "growing")
        note(f"{size:,} events written and projected in {time.perf_counter() - began:.0f} s")
    async with await psycopg.AsyncConnection.connect(server.admin_dsn, autocommit=True) as connection:
        await connection.execute("CHECKPOINT")
    return copies


async def _measured(log: Log, size: int, number: int, samples: int) -> dict[str, Sample]:
    noise = random.Random(size + number)
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

        pages = {"timeline_page": await _sampled(timeline_page, samples), "history_page": await _sampled(history_page, samples)}
    first = (size + number + 1) * 1_000_000
    return pages | {"append": await _appends(log, first, samples), "tail": await _tail(log, first + 500_000, samples)}


async def _sampled(work: Callable[[], Awaitable[None]], samples: int) -> Sample:
    for _ in range(20):
        await work()
    found = []
    for _ in range(samples):
        began = time.perf_counter()
        await work()
        found.append((time.perf_counter() - began) * 1000)
    return sorted(found)


async def _appends(log: Log, first: int, samples: int) -> Sample:
    """16 producers, one event at a time; the first few of each are no part of the sample."""
    found: list[float] = []

    async def produce(events: list[Any]) -> None:
        for new in events:
            began = time.perf_counter()
            await log.append(new)
            found.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(produce(events) for events in messages(16, samples * 5 // 8, first)))
    return sorted(found[samples // 2 :])


async def _tail(log: Log, first: int, samples: int) -> Sample:
    """From the call of an append to its row in a follower's hands."""
    found: list[float] = []
    arrived = asyncio.Event()

    async def follow() -> None:
        async for rows in log.follow(await log.head()):
            if rows:
                arrived.set()

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.3)
    for new in messages(1, samples, first)[0]:
        arrived.clear()
        began = time.perf_counter()
        await log.append(new)
        await asyncio.wait_for(arrived.wait(), 60)
        found.append((time.perf_counter() - began) * 1000)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return sorted(found)


def _row(name: str, size: int, samples: list[Sample]) -> Row:
    middle, high = (statistics.median(sample[int(len(sample) * share)] for sample in samples) for share in (0.5, 0.99))
    return Row(name, size, middle, high, len(samples[0]), len(samples))


def ratios(rows: list[Row]) -> dict[str, float]:
    """Largest size over smallest (aim: at most 1.3)."""
    found = {}
    for name in dict.fromkeys(row.name for row in rows):
        own = [row for row in rows if row.name == name]
        first, last = own[0], own[-1]
        found[f"{name}_p50"] = last.p50_ms / first.p50_ms
        found[f"{name}_p99"] = last.p99_ms / first.p99_ms
    return found
