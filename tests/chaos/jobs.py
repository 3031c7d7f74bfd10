"""Row about jobs: JOB."""

import asyncio
import random
from uuid import UUID

from engine.clock import monotonic
from engine.decide.job import Ask, job_id
from engine.events import Event
from engine.events.job import JobCancelled, JobCompleted, JobFailed, JobProgressed, JobStarted
from engine.execute import execute
from engine.store import Log, open_log
from engine.vault import MasterKey
from tests.chaos.run import Run
from tests.chaos.scene import Scene, scene
from tests.support.system import MASTER_KEY
from worker.jobs.running import SYSTEM

PER_KILL = 5
END_S = 90.0
LONGEST_S = 2.5
"""A comparison of the read models takes about so long here: the worker dies at any point of it, or shortly before or after."""


async def job(run: Run) -> None:
    """JOB: SIGKILL of the worker at random points while it compares read models. A trial is one job, several to a kill; one end each."""
    async with scene(lanes=1) as stage, open_log(stage.tzurot.dsn, MasterKey.of(bytes.fromhex(MASTER_KEY))) as log:
        wanted: list[UUID] = []
        async for trial in run.each(PER_KILL):
            asked = [await _ask(log, f"trial {trial + n}") for n in range(PER_KILL)]
            await asyncio.sleep(random.uniform(0.0, LONGEST_S))
            since = monotonic()
            await stage.kill("worker")
            run.figures["kills"] = int(str(run.figures.get("kills", 0))) + 1
            await stage.tzurot.start("worker")
            await asyncio.gather(*(_follow(run, log, one, since) for one in asked))
            wanted += asked
        await _judge(run, log, wanted, stage)


async def _ask(log: Log, about: str) -> UUID:
    """Twice, as two processes may."""
    job = job_id("verify", about)
    await execute(log, SYSTEM, Ask(job, "verify", about), job)
    await execute(log, SYSTEM, Ask(job, "verify", about), job)
    return job


async def _follow(run: Run, log: Log, job: UUID, since: float) -> None:
    while not _ends(await _story(log, job)):
        if monotonic() - since > END_S:
            run.lost += 1
            run.broken.append(f"job {job} has no end after {END_S:g} s")
            return
        await asyncio.sleep(0.2)
    run.recoveries.append(monotonic() - since)


async def _judge(run: Run, log: Log, jobs: list[UUID], stage: Scene) -> None:
    interrupted = resumed = 0
    for job in jobs:
        story = await _story(log, job)
        ends = _ends(story)
        run.duplicates += max(len(ends) - 1, 0)
        run.expect(len(ends) == 1 and isinstance(ends[0], JobCompleted), f"job {job} ended as {[type(end).__name__ for end in ends]}")
        run.expect(not ends or story[-1] is ends[-1], f"job {job} went on after its end")
        done = [event.done for event in story if isinstance(event, JobProgressed)]
        run.expect(done == sorted(set(done)), f"job {job} did something twice: {done}")
        starts = [n for n, event in enumerate(story) if isinstance(event, JobStarted)]
        interrupted += len(starts) > 1
        resumed += any(isinstance(event, JobProgressed) for event in story[: starts[-1]])
    run.figures |= {"interrupted_jobs": interrupted, "resumed_jobs": resumed, "per_kill": PER_KILL}
    await stage.judge(run)


async def _story(log: Log, job: UUID) -> list[Event]:
    return [recorded.event for recorded in await log.stream(f"job:{job}")]


def _ends(story: list[Event]) -> list[Event]:
    return [e for e in story if isinstance(e, JobCompleted | JobCancelled) or (isinstance(e, JobFailed) and e.retry_ms is None)]
