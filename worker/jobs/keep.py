"""Takes up jobs: asks for those that are due, runs what waits under a lease, and brings each to its one end.

A wake-up only says that there is something to look for, and is acknowledged at once: a job that waits holds no place at the broker.
A wake-up that never comes costs SWEEP_SECONDS.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Any, NoReturn
from uuid import UUID

from engine import clock, ids, log
from engine.actor import Actor
from engine.bus import Reference
from engine.decide import job as rules
from engine.decide.due import Counts, due
from engine.decide.job import Ask, Complete, Fail, Start, State, cancel_key, job_id
from engine.decide.rejected import Rejected
from engine.events.job import JobRequested, JobStarted
from engine.execute import event_id, execute
from engine.store import Log, connect
from projections.follow import runner
from projections.live import leases
from projections.models import jobs
from projections.models.jobs import Job
from worker.jobs.running import SYSTEM, GiveUp, Handler, JobResult, Later, Result, RunningJob, Stopped
from worker.providers.failure import ProviderFailed
from worker.work import Work

SWEEP_SECONDS = 2.0
AT_ONCE = 4
"""Jobs of all kinds in one worker."""
SEEN_SECONDS = 5.0
_log = log.get("jobs")


def lease_of(job: UUID) -> str:
    """Name of the lease a job is worked on under."""
    return f"job:{job}"


async def woken(work: Work, reference: Reference) -> None:
    """A job was requested: have the loop look, once the read model knows it."""
    await runner.wait_for(work.log.pool, ("jobs",), reference.position, seconds=SEEN_SECONDS)
    work.bell.set()


async def keep(work: Work, handlers: Mapping[str, Handler]) -> NoReturn:
    """Ask for what is due and run what waits, for ever."""
    running: dict[UUID, tuple[str, asyncio.Task[None]]] = {}
    asked: dict[str, int] = {}
    try:
        while True:
            work.bell.clear()
            running = {job: entry for job, entry in running.items() if not entry[1].done()}
            try:
                await _ask_due(work, handlers, asked)
                for job in await _waiting(work, handlers, running):
                    task = asyncio.create_task(_run_and_ring(work, handlers[job.name], job.job), name=f"job {job.name}")
                    running[job.job] = (job.name, task)
            except Exception as error:  # whatever it was, the next round looks again
                _log.warning("cannot look for jobs", error=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_SECONDS):
                    await work.bell.wait()
    finally:
        tasks = [task for _, task in running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ask_due(work: Work, handlers: Mapping[str, Handler], asked: dict[str, int]) -> None:
    for handler in handlers.values():
        if handler.every is None:
            continue
        for window in due(Counts(next=asked.get(handler.name, 0)), clock.now(), handler.every):
            about = f"{handler.about(work)}:{window.number}"
            await ask(work.log, handler.name, about)
            asked[handler.name] = window.number + 1
            work.bell.set()


async def ask(log: Log, name: str, about: str, parameters: Result | None = None, *, by: Actor = SYSTEM) -> UUID:
    """Have a job done, on behalf of nobody unless somebody is named; returns its id. Asking twice about the same is asking once."""
    job = job_id(name, about)
    await execute(log, by, Ask(job, name, about, parameters or {}), job)
    return job


async def _waiting(work: Work, handlers: Mapping[str, Handler], running: Mapping[UUID, tuple[str, Any]]) -> list[Job]:
    """Jobs to be taken up now: nobody works on them, and there is room for their kind."""
    if len(running) >= AT_ONCE or work.leaving.is_set():
        return []
    now, mine = clock.now(), set(running)
    async with work.log.pool.connection() as connection:
        if not await jobs.due(connection, now, of_each=1, but=mine):
            return []  # most often, and that is all there is to ask
    held = {UUID(name[4:]) for name in await leases.taken(work.log.pool) if name.startswith("job:")}
    async with work.log.pool.connection() as connection:
        found = await jobs.due(connection, now, of_each=AT_ONCE, but=held | mine)
    counts, chosen = Counter(name for name, _ in running.values()), list[Job]()
    for job in found:
        handler = handlers.get(job.name)  # of another version's: it waits for a worker that knows it
        if handler is not None and counts[job.name] < handler.at_once and len(running) + len(chosen) < AT_ONCE:
            counts[job.name] += 1
            chosen.append(job)
    return chosen


async def _run_and_ring(work: Work, handler: Handler, job: UUID) -> None:
    try:
        await run(work, handler, job)
    except Exception as error:  # it is still open, so it will be found again
        _log.warning("job left", job=str(job), error=type(error).__name__)
        await asyncio.sleep(SWEEP_SECONDS)
    work.bell.set()


async def run(work: Work, handler: Handler, job: UUID) -> None:
    """One attempt at a job, if nobody else is at it. Raises what Postgres raises while it is away: then nothing has ended."""
    async with leases.held(work.log.pool, lease_of(job), job) as lease:
        if lease is None:
            return
        try:
            begun = (await execute(work.log, SYSTEM, Start(job), ids.random_id())).events[0]
        except Rejected:
            return  # it was over, and the read model did not know yet
        if isinstance(begun, JobStarted):
            recorded = await work.log.stream(f"job:{job}")
            state = State()
            for one in recorded:
                state = rules.evolve(state, one.event)
            gone = any(one.erased for one in recorded if isinstance(one.event, JobRequested) and one.event.people)
            end = await _attempt(work, handler, _running(work, state, begun), state, lease.lost, gone=gone)
            position = await _end(work, end) if end is not None else 0
            # Before the lease is free, or another worker would take up what the read model does not know to be over.
            await runner.wait_for(work.log.pool, ("jobs",), position, seconds=SEEN_SECONDS)


def _running(work: Work, state: State, begun: JobStarted) -> RunningJob:
    request = state.request
    assert request is not None
    return RunningJob(
        work=work,
        id=begun.job_id,
        name=begun.name,
        about=request.about,
        attempt=begun.attempt,
        asked_by=request.asked_by,
        parameters=request.parameters,
        personal=request.personal,
        done=state.done,
        total=state.total,
        cursor=state.cursor,
    )


async def _attempt(
    work: Work, handler: Handler, job: RunningJob, state: State, lost: asyncio.Event, *, gone: bool
) -> Complete | Fail | None:
    """What became of it; None when there is nothing to say, because it was called off or another worker has it."""
    assert state.request is not None

    def failed(why: str, **more: Any) -> Fail:
        return Fail(job.id, job.attempt, why, clock.now(), handler.retry, **more)

    if gone:
        return failed("Somebody whose words this is about was erased.", for_good=True)
    with work.called_off.by(event_id(cancel_key(job.id, state.request.round))) as cancelled:
        try:
            result = await _while_wanted(handler.run(job), cancelled, lost)
            return None if result is None else _completed(job, result)
        except Stopped:
            return None
        except Later as later:
            return failed(str(later), until=later.until)
        except (GiveUp, Rejected) as error:
            return failed(str(error), for_good=True)
        except ProviderFailed as failure:
            return failed(f"The provider: {failure.fault.category.value}.", for_good=not failure.fault.kind.retry)
        except connect.TROUBLE:
            raise
        except Exception as error:  # a handler is somebody else's code: its end is recorded, the consumer goes on
            _log.error("job failed", job=str(job.id), name=job.name, exc_info=error)
            return failed(f"{type(error).__name__} in the handler.")


def _completed(job: RunningJob, result: Result | JobResult) -> Complete:
    outcome = result if isinstance(result, JobResult) else JobResult(result)
    return Complete(job.id, job.attempt, outcome.result, outcome.people, outcome.personal)


async def _while_wanted(work: Awaitable[Result | JobResult], *stops: asyncio.Event) -> Result | JobResult | None:
    """The result; None when one of these was set first."""
    task = asyncio.ensure_future(work)
    watches = [asyncio.ensure_future(stop.wait()) for stop in stops]
    try:
        await asyncio.wait([task, *watches], return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for each in (task, *watches):
            each.cancel()
        await asyncio.gather(task, *watches, return_exceptions=True)


async def _end(work: Work, end: Complete | Fail) -> int:
    """Store how an attempt ended, unless the job is over or somebody else's by now; returns the position."""
    key = ids.derived("job-end", end.job, end.attempt)
    while True:
        try:
            return (await execute(work.log, SYSTEM, end, key)).positions[0]
        except Rejected as late:
            _log.info("job was over", job=str(end.job), why=str(late))
            return 0
        except connect.TROUBLE:
            await asyncio.sleep(0.2)  # what was done is not done again for an outage
