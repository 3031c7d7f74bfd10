"""R12: many writers on one stream, and many processes with transactions of mixed length beside a tailing reader that misses nothing."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import aclosing
from multiprocessing.process import BaseProcess
from pathlib import Path

from engine.events.base import Event
from engine.store import Log, NewEvent, Query, Recorded
from engine.store.contend import update
from tests.chaos.store import lab
from tests.support import forks

PROCESSES = 4


async def run(trials: int = 1, events: int = 1_000_000) -> dict[str, object]:
    """`events` are written by four processes of 32 producers each; a tenth of them to one shared stream."""
    await forks.warm()
    async with lab.database() as server:
        most = 0
        for trial in range(trials):
            most = max(most, await _race(server.dsn, trial))
        async with lab.opened(server.dsn) as log:
            before = await log.head()
            children = [_producer(server.dsn, n, events // PROCESSES) for n in range(PROCESSES)]
            seen, gaps = await _tail(log, before, events // PROCESSES * PROCESSES, children)
            codes = [await _ended(child) for child in children]
            head = await log.head()
            shared = [row.version async for row in log.rows(Query(stream="shared"))]
        found = await lab.faults(server.dsn, {})
    missed = head - before - seen
    contiguous = shared == list(range(1, len(shared) + 1))
    passed = not missed and not gaps and not any(found.values()) and contiguous and most <= 5 and not any(codes)
    return {"trials": trials, "events": head - before, "missed": missed, "reader_gaps": gaps, "tries_max": most, **found, "passed": passed}


def _producer(dsn: str, number: int, events: int) -> BaseProcess:
    words = (dsn, str(number), str(events))
    return forks.program("tests.chaos.store.producer:main", *words, environment=os.environ, folder=Path.cwd())


async def _ended(child: BaseProcess) -> int | None:
    """Its exit code."""
    await asyncio.to_thread(child.join)
    code = child.exitcode
    child.close()
    return code


async def _race(dsn: str, trial: int) -> int:
    """16 appends at once to one stream, each with the version it expects, from 16 connections; the most tries anyone needed."""
    async with lab.opened(dsn) as one, lab.opened(dsn) as two:
        tries = await asyncio.gather(*(_insist((one, two)[n % 2], trial * 100 + n, 1_000 + trial) for n in range(16)))
        blind = await asyncio.gather(*((one, two)[n % 2].append(lab.message(50_000 + trial * 100 + n, channel=9)) for n in range(16)))
    assert len({found.positions for found in blind}) == 16
    return max(tries)


async def _insist(log: Log, number: int, channel: int) -> int:
    """Read, decide, append with the version read; how often it had to be decided."""
    tries = 0

    def decide(seen: Sequence[Recorded[Event]]) -> list[NewEvent]:
        nonlocal tries
        tries += 1
        return [lab.message(40_000 + number, channel=channel)]

    await update(log, f"channel:{channel}", decide)
    return tries


async def _tail(log: Log, after: int, wanted: int, children: Sequence[BaseProcess]) -> tuple[int, int]:
    seen = gaps = 0
    async with aclosing(log.follow(after)) as batches:
        async for rows in batches:
            for row in rows:
                gaps += row.position != after + 1
                after, seen = row.position, seen + 1
            if seen >= wanted or any(child.exitcode for child in children):
                break
    return seen, gaps
