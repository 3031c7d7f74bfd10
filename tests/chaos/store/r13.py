"""R13: the projecting process is killed at random, read models are rebuilt while live, one is poisoned: rows equal the log every time."""

import asyncio
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

from psycopg import AsyncConnection

from engine.store import Log, Stored
from projections.base import Projection
from projections.follow import rebuild, runner, verify
from projections.registry import ALL
from tests.bench.append import talk
from tests.chaos.store import lab

KILLED = 200
SHORT = 2_000
"""Events there are before the first kill. Every kill is followed by a comparison with a fold from zero, so the log is short meanwhile."""


async def run(trials: int = KILLED, events: int = 100_000) -> dict[str, object]:
    """`trials` kills while a log is digested and grows; then, at `events` events, rebuild, switch and verify everything."""
    equal, exact, began = 0, 0, time.monotonic()
    async with lab.database() as server, lab.opened(server.dsn) as log, _nursery(server.dsn) as nursery:
        await talk.fill(log, min(events // 2, SHORT))
        for trial in range(trials):
            exact += await _killed(nursery, log, trial)
            equal += await _checkpoints_match_rows(log, trial)
        killing = time.monotonic() - began
        await talk.fill(log, max(events - await log.head(), 200), start=20_000_000)
        await nursery.begin()
        caught_up = await runner.wait_for(log.pool, [p.name for p in ALL], await log.head(), seconds=600)
        await nursery.kill()
        verdicts = await verify.verify(server.dsn, ALL)
        began, head = time.monotonic(), await log.head()
        await rebuild.rebuild(server.dsn, ALL)
        rate = head * len(ALL) / (time.monotonic() - began)
        again = await verify.verify(server.dsn, ALL)
        poisoned = await _poison(server.dsn, log)
    wrong = [verdict.name for verdict in (*verdicts, *again) if not verdict.equal]
    passed = equal == trials and caught_up and not wrong and poisoned and rate >= 5_000
    passed = passed and exact == trials // 2
    figures = {
        "hashes_equal": equal,
        "killed_before_commit": exact,
        "caught_up": caught_up,
        "different": wrong,
        "rebuild_events_per_s": round(rate),
    }
    return {"trials": trials, "events": head, **figures, "poison_stops_one": poisoned, "kills_s": round(killing, 1), "passed": passed}


class _Nursery:
    """Makes processes that keep the read models, one at a time: see tests.chaos.store.nursery."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._orders, self._told = process.stdin, process.stdout
        self._pid = 0

    async def begin(self, failpoint: str = "") -> None:
        """Start one, which dies at this failpoint."""
        self._orders.write(failpoint.encode() + b"\n")
        self._pid = int(await self._told.readline())

    async def ended(self, within: float) -> bool:
        """Whether it dies by itself in so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._told.readline(), within)
            self._pid = 0
        return not self._pid

    async def kill(self) -> None:
        """SIGKILL, if it still lives."""
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            await self._told.readline()
            self._pid = 0


@asynccontextmanager
async def _nursery(dsn: str) -> AsyncIterator[_Nursery]:
    command = (sys.executable, "-m", "tests.chaos.store.nursery", dsn)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    nursery = _Nursery(process)
    try:
        yield nursery
    finally:
        await nursery.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _killed(nursery: _Nursery, log: Log, trial: int) -> bool:
    """Half of the kills hit at a random moment, half just before the commit of some batch, while the log grows; True for these."""
    exactly = f"projection.before_commit:kill:{random.randint(1, 12)}" if trial % 2 else ""
    await nursery.begin(exactly)
    growing = asyncio.create_task(_grow(log, trial))
    ended = await nursery.ended(60.0 if exactly else random.uniform(0.05, 0.6))
    await nursery.kill()
    growing.cancel()
    await asyncio.gather(growing, return_exceptions=True)
    return ended


async def _grow(log: Log, trial: int) -> None:
    """A turn now and then, so that there are many small batches."""
    for number in itertools.count(1_000_000 + trial * 1_000):
        await talk.fill(log, 1, start=number, producers=1)
        await asyncio.sleep(0.02)


async def _checkpoints_match_rows(log: Log, trial: int) -> bool:
    """Every read model equals the fold up to its own checkpoint. To stay cheap, three of them, in turn."""
    async with log.pool.connection() as connection:
        standing = {entry.name for entry in await runner.progress(connection) if entry.role == "live"}
    chosen = [ALL[(3 * trial + n) % len(ALL)] for n in range(3)]
    return all(verdict.equal for verdict in await verify.verify(log.dsn, [p for p in chosen if p.name in standing]))


class _Poisoned(Projection):
    """Cannot digest the third message."""

    name = "poisoned"
    version = 1
    types: ClassVar[frozenset[str]] = frozenset({"message.received"})
    ddl = "CREATE TABLE {schema}.seen (position bigint PRIMARY KEY);"

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        raise ValueError("poison")


async def _poison(dsn: str, log: Log) -> bool:
    """Whether the poisoned one stops with a report and the others go on."""
    tasks = [asyncio.create_task(runner.run(dsn, projection)) for projection in (_Poisoned(), *ALL)]
    await talk.fill(log, 20, start=9_000_000, producers=2)
    others = await runner.wait_for(log.pool, [p.name for p in ALL], await log.head(), seconds=60)
    deadline = time.monotonic() + 20
    stopped = False
    while not stopped and time.monotonic() < deadline:
        async with log.pool.connection() as connection:
            found = {entry.name: entry for entry in await runner.progress(connection)}
        stopped = "poisoned" in found and found["poisoned"].status == "stopped" and found["poisoned"].problem is not None
        await asyncio.sleep(0.02)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return others and stopped
