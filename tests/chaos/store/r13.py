"""R13: the projecting process is killed at random, read models are rebuilt while live, one is poisoned: rows equal the log every time."""

import asyncio
import os
import random
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

from psycopg import AsyncConnection

from engine.store import Log, Stored
from projections import rebuild, runner, verify
from projections.base import Projection
from projections.registry import ALL
from tests.bench.append import talk
from tests.chaos.store import lab

_CHILD = """
import asyncio, sys
from projections import runner
from projections.registry import ALL

async def main() -> None:
    await asyncio.gather(*(runner.run(sys.argv[1], projection) for projection in ALL))

asyncio.run(main())
"""
KILLED = 200


async def run(trials: int = KILLED, events: int = 100_000) -> dict[str, object]:
    """`trials` kills while a log of `events` events is digested and grows; then rebuild, switch and verify everything."""
    equal = 0
    async with lab.database() as server, lab.opened(server.dsn) as log:
        await talk.fill(log, max(events // 2, 500))
        for trial in range(trials):
            await _killed(server.dsn, log, trial)
            equal += await _checkpoints_match_rows(log)
        async with Follower(server.dsn):
            await talk.fill(log, 200, start=8_000_000, producers=4)
            caught_up = await runner.wait_for(log.pool, [p.name for p in ALL], await log.head(), seconds=600)
        verdicts = await verify.verify(server.dsn, ALL)
        began, head = time.monotonic(), await log.head()
        await rebuild.rebuild(server.dsn, ALL)
        rate = head * len(ALL) / (time.monotonic() - began)
        again = await verify.verify(server.dsn, ALL)
        poisoned = await _poison(server.dsn, log)
    wrong = [verdict.name for verdict in (*verdicts, *again) if not verdict.equal]
    passed = equal == trials and caught_up and not wrong and poisoned and rate >= 5_000
    figures = {"hashes_equal": equal, "caught_up": caught_up, "different": wrong, "rebuild_events_per_s": round(rate)}
    return {"trials": trials, "events": head, **figures, "poison_stops_one": poisoned, "passed": passed}


class Follower:
    """A projecting process for as long as the block lasts; killed at its end."""

    def __init__(self, dsn: str, failpoint: str = "") -> None:
        self._dsn = dsn
        self._environment = os.environ | {"UNSAFE_FAILPOINTS": "true", "CHAOS_FAIL": failpoint}
        self.process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> asyncio.subprocess.Process:
        errors = asyncio.subprocess.DEVNULL
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CHILD, self._dsn, env=self._environment, stderr=errors, stdout=errors
        )
        return self.process

    async def __aexit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def _killed(dsn: str, log: Log, trial: int) -> None:
    """Half of the kills hit at a random moment, half just before the commit of some batch."""
    exactly = f"projection.before_commit:kill:{random.randint(1, 12)}" if trial % 2 else ""
    async with Follower(dsn, exactly) as process:
        await talk.fill(log, 30, start=1_000_000 + trial * 100, producers=2)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 3.0 if exactly else random.uniform(0.6, 1.6))


async def _checkpoints_match_rows(log: Log) -> bool:
    """Every read model equals the fold up to its own checkpoint. To stay cheap on long logs, one of them, in turn."""
    async with log.pool.connection() as connection:
        standing = {entry.name for entry in await runner.progress(connection) if entry.role == "live"}
    chosen = [projection for projection in ALL if projection.name in standing]
    return not chosen or (await verify.verify(log.dsn, [random.choice(chosen)]))[0].equal


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
