"""Rows about Postgres as the whole system sees it: R07, R08. The store's own rows are in tests/chaos/store."""

import asyncio
import random
from contextlib import suppress
from functools import partial

import psycopg

from engine.clock import monotonic
from tests.chaos.run import Run
from tests.chaos.scene import Said, Scene, scene
from tests.support.commits import LostReplies
from tests.support.system import until

RATE = 20.0


class Crowd:
    """Says `rate` messages a second in all lanes until told to stop."""

    def __init__(self, stage: Scene, lanes: int, rate: float) -> None:
        self.said: list[Said] = []
        self._stage, self._lanes, self._rate = stage, lanes, rate
        self._task = asyncio.create_task(self._talk())

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _talk(self) -> None:
        begun = monotonic()
        while True:
            self.said.append(await self._stage.say(len(self.said) % self._lanes))
            await asyncio.sleep(max(0.0, begun + len(self.said) / self._rate - monotonic()))


async def settle(run: Run, stage: Scene, crowd: Crowd) -> None:
    """Stop the crowd and see every message answered."""
    await crowd.stop()
    end = monotonic()
    await asyncio.gather(*(_answered(run, stage, said) for said in crowd.said))
    run.figures |= {"messages": len(crowd.said), "drained_s": round(monotonic() - end, 1)}


async def _answered(run: Run, stage: Scene, said: Said) -> None:
    try:
        await stage.answered(said, 180.0)
    except TimeoutError:
        run.lost += 1


async def r07(run: Run) -> None:
    """R07: SIGKILL of the postmaster under load. `recovery` is from accepting connections to the first append."""
    lanes = 16
    async with scene(lanes=lanes) as stage:
        crowd = Crowd(stage, lanes, float(run.events or RATE))
        async for _ in run.each():
            await asyncio.sleep(random.uniform(0.5, 1.5))
            stage.tzurot.postgres.kill()
            await stage.tzurot.start("postgres")
            before, since = await _head(stage), monotonic()
            await until(partial(_moved, stage, before), 60.0, "an append after the restart")
            run.recoveries.append(monotonic() - since)
        await settle(run, stage, crowd)
        await stage.judge(run)


async def _head(stage: Scene) -> int:
    async with await psycopg.AsyncConnection.connect(stage.tzurot.dsn) as connection:
        row = await (await connection.execute("SELECT position FROM log_head")).fetchone()
        return int(row[0]) if row else 0


async def _moved(stage: Scene, before: int) -> bool:
    return await _head(stage) > before


async def r08(run: Run) -> None:
    """R08: the answer to an append is lost after its commit, be it the bot's or the worker's. `skip` moves through a turn's appends."""
    replies = LostReplies()
    async with scene(lanes=4, inspect=replies.inspector) as stage:
        async for trial in run.each():
            replies.skip, replies.armed = trial % 6, 1
            since = monotonic()
            said = await stage.say(trial % 4)
            await stage.follow(run, said, since)
        run.figures["replies_lost"] = replies.lost
        await stage.judge(run)
        run.expect(replies.lost >= run.trials * 0.9, f"only {replies.lost} answers were lost in {run.trials} trials")
