"""R13: the projecting process is killed at random, read models are rebuilt while live, one is poisoned: rows equal the log every time."""

import asyncio
import itertools
import os
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import ClassVar

from psycopg import AsyncConnection

from engine.store import Log, Stored
from projections.base import Projection
from projections.follow import group_runner, rebuild, runner, verify
from projections.registry import ALL
from tests.bench.append import talk
from tests.chaos.store import lab
from tests.support import forks

KILLED = 200
SHORT = 2_000
"""Events there are before the first kill. Every kill is followed by a comparison with a fold from zero, so the log is short meanwhile."""


async def run(trials: int = KILLED, events: int = 100_000, *, timely: bool = True) -> dict[str, object]:
    """`trials` kills while a log is digested and grows; then, at `events` events, rebuild, switch and verify everything.

    Without `timely`, as beside a test suite, nothing is held against the rate of a rebuild, and what no event is for is left out.
    """
    equal, exact, began = 0, 0, time.monotonic()
    async with lab.database() as server, lab.opened(server.dsn) as log, _victims(server.dsn) as victim:
        await talk.fill(log, min(events // 2, SHORT))
        for trial in range(trials):
            exact += await _killed(victim, log, trial)
            equal += await _checkpoints_match_rows(log, trial)
        killing = time.monotonic() - began
        await talk.fill(log, max(events - await log.head(), 100), start=20_000_000)
        victim.begin()
        caught_up = await runner.wait_for(log.pool, [p.name for p in ALL], await log.head(), seconds=600)
        await victim.kill()
        everything = ALL if timely else await lab.concerned(log)
        verdicts = await verify.verify(server.dsn, everything)
        began, head = time.monotonic(), await log.head()
        await rebuild.rebuild(server.dsn, everything)
        rate = head * len(everything) / (time.monotonic() - began)
        again = await verify.verify(server.dsn, everything)
        poisoned = await _poison(server.dsn, log)
    wrong = [verdict.name for verdict in (*verdicts, *again) if not verdict.equal]
    passed = equal == trials and caught_up and not wrong and poisoned and (rate >= 5_000 or not timely)
    passed = passed and exact == trials // 2
    figures = {
        "hashes_equal": equal,
        "killed_before_commit": exact,
        "caught_up": caught_up,
        "different": wrong,
        "rebuild_events_per_s": round(rate),
    }
    return {"trials": trials, "events": head, **figures, "poison_stops_one": poisoned, "kills_s": round(killing, 1), "passed": passed}


class _Victim:
    """A process that keeps the read models, one at a time. Forked, not started: a start costs more than what is tested."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._process: BaseProcess | None = None

    def begin(self, failpoint: str = "") -> None:
        """Start one, which dies at this failpoint."""
        environment = os.environ | {"UNSAFE_FAILPOINTS": "true", "CHAOS_FAIL": failpoint}
        self._process = forks.program("tests.chaos.store.keeper:main", self._dsn, environment=environment, folder=Path.cwd())

    async def ended(self, within: float) -> bool:
        """Whether it dies by itself in so many seconds."""
        assert self._process is not None
        await asyncio.to_thread(self._process.join, within)
        return self._process.exitcode is not None

    async def kill(self) -> None:
        """SIGKILL, if it still lives."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.join)
            self._process.close()
            self._process = None


@asynccontextmanager
async def _victims(dsn: str) -> AsyncIterator[_Victim]:
    await forks.warm()
    victim = _Victim(dsn)
    try:
        yield victim
    finally:
        await victim.kill()


async def _killed(victim: _Victim, log: Log, trial: int) -> bool:
    """Half of the kills hit at a random moment, half just before the commit of some batch, while the log grows; True for these."""
    exactly = f"projection.before_commit:kill:{random.randint(1, 12)}" if trial % 2 else ""
    victim.begin(exactly)
    growing = asyncio.create_task(_grow(log, trial))
    ended = await victim.ended(60.0 if exactly else random.uniform(0.05, 0.6))
    await victim.kill()
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
    following = asyncio.create_task(group_runner.run(dsn, (_Poisoned(), *ALL)))
    await talk.fill(log, 20, start=9_000_000, producers=2)
    others = await runner.wait_for(log.pool, [p.name for p in ALL], await log.head(), seconds=60)
    deadline = time.monotonic() + 60
    stopped = False
    while not stopped and time.monotonic() < deadline:
        async with log.pool.connection() as connection:
            found = {entry.name: entry for entry in await runner.progress(connection)}
        stopped = "poisoned" in found and found["poisoned"].status == "stopped" and found["poisoned"].problem is not None
        await asyncio.sleep(0.02)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return others and stopped
