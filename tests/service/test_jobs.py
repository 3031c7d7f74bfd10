"""Jobs on real Postgres and NATS: asked for twice, killed, called off, failing, paid for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from pydantic import SecretStr

from engine import clock, erasure, ids
from engine.actor import operator, person
from engine.bus import relay
from engine.config import Settings
from engine.decide.job import Again, Ask, Cancel, RetryPolicy, cancel_key, job_id
from engine.events import Event
from engine.events.job import JobCancelled, JobCompleted, JobFailed, JobProgressed, JobRequested, JobStarted
from engine.events.quota import SpendAuthorized, SpendSettled
from engine.execute import execute
from engine.store import Log, Query, open_log
from engine.vault import MasterKey, load_master_key
from projections.follow import runner
from projections.live import leases
from projections.models import jobs
from projections.models.jobs import Job
from projections.registry import ALL
from tests.service.test_worker_commands import tzurot
from tests.support.provider.room import local_standin, reading, with_provider
from tests.support.provider.server import FaultServer, Reply
from worker import __main__ as worker
from worker.__main__ import working
from worker.jobs import HANDLERS, keep, running
from worker.jobs.running import Handler, JobResult, Result, RunningJob
from worker.work import Work

OPERATOR = operator()
QUICK = RetryPolicy(attempts=3, first=0.01, longest=0.02)


@dataclass
class Factory:
    """A handler whose attempts do what the test says; the last behaviour stays."""

    behaviours: list[Callable[[RunningJob], Awaitable[Result | JobResult]]]
    runs: list[RunningJob] = field(default_factory=list)

    async def run(self, job: RunningJob) -> Result | JobResult:
        self.runs.append(job)
        return await self.behaviours[min(len(self.runs), len(self.behaviours)) - 1](job)


@asynccontextmanager
async def shop(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    *behaviours: Callable[[RunningJob], Awaitable[Result | JobResult]],
    at_once: int = 2,
) -> AsyncIterator[tuple[Log, Factory]]:
    """A worker that knows one kind of job, `test`."""
    factory = Factory(list(behaviours))
    monkeypatch.setattr(worker, "HANDLERS", {"test": Handler("test", factory.run, QUICK, at_once)})
    async with reading(settings) as log, working(settings):
        yield log, factory


async def ask(log: Log, about: str = "one", by: int = 0, **parameters: int) -> UUID:
    job = job_id("test", about)
    await execute(log, person(by) if by else OPERATOR, Ask(job, "test", about, parameters), job)
    return job


async def story(log: Log, job: UUID) -> list[Event]:
    return [recorded.event for recorded in await log.stream(f"job:{job}")]


async def end(log: Log, job: UUID, *, seconds: float = 90) -> Event:
    """How the job ended; its read model shows it by then."""
    deadline = clock.monotonic() + seconds
    while True:
        found = await log.stream(f"job:{job}")
        last = found[-1].event
        if isinstance(last, JobCompleted | JobCancelled) or (isinstance(last, JobFailed) and last.retry_ms is None):
            assert await runner.wait_for(log.pool, ("jobs",), found[-1].position, seconds=60)
            return last
        assert clock.monotonic() < deadline, [type(event).__name__ for event in await story(log, job)]
        await asyncio.sleep(0.01)


async def shown(log: Log, job: UUID) -> Job:
    async with log.pool.connection() as connection:
        found = await jobs.get(connection, job)
    assert found is not None
    return found


async def done(_: RunningJob) -> Result:
    return {"answer": 42}


async def forever(_: RunningJob) -> Result:
    await asyncio.Event().wait()
    return {}


async def broken(_: RunningJob) -> Result:
    raise RuntimeError("canary: what somebody wrote")


@pytest.fixture
async def standin(settings: Settings) -> AsyncIterator[Settings]:
    async with local_standin() as url:
        yield with_provider(settings, url, default_model="standin/0")


async def test_a_job_asked_for_many_times_is_done_once(standin: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """By several askers at once, and again afterwards."""
    async with shop(standin, monkeypatch, done) as (log, factory):
        await asyncio.gather(*(ask(log, size=3) for _ in range(5)))
        job = await ask(log)
        ended = await end(log, job)
        assert isinstance(ended, JobCompleted)
        assert ended.result == {"answer": 42}
        await ask(log)
        assert [type(event) for event in await story(log, job)] == [JobRequested, JobStarted, JobCompleted]
        assert [run.parameters for run in factory.runs] == [{"size": 3}]
        found = await shown(log, job)
        assert (found.status, found.attempts, found.result) == ("completed", 1, {"answer": 42})


async def test_a_wake_up_that_is_lost_delays_a_job_and_loses_none(standin: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop looks by itself."""

    async def lost(*_: object) -> None:
        """Publishes nothing, and says it did."""

    monkeypatch.setattr(relay, "publish", lost)
    monkeypatch.setattr(keep, "SWEEP_SECONDS", 0.1)
    async with shop(standin, monkeypatch, done) as (log, _):
        assert isinstance(await end(log, await ask(log)), JobCompleted)


async def test_a_job_whose_worker_died_goes_on_from_its_last_progress(standin: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt gets what the last one had recorded."""
    reached = asyncio.Event()

    async def halfway(job: RunningJob) -> Result:
        await job.progress(5, 10, {"at": 5}, now=True)
        reached.set()
        return await forever(job)

    async def rest(job: RunningJob) -> Result:
        return {"from": job.done, "cursor": dict(job.cursor)}

    async with reading(standin) as log:
        factory = Factory([halfway, rest])
        monkeypatch.setattr(worker, "HANDLERS", {"test": Handler("test", factory.run, QUICK)})
        async with working(standin):
            job = await ask(log)
            await asyncio.wait_for(reached.wait(), 60)
        async with working(standin):
            ended = await end(log, job)
        assert isinstance(ended, JobCompleted)
        assert ended.result == {"from": 5, "cursor": {"at": 5}}
        kinds = [type(event) for event in await story(log, job)]
        assert kinds == [JobRequested, JobStarted, JobProgressed, JobStarted, JobCompleted]


async def test_a_failing_job_is_tried_again_then_listed_as_dead_then_tried_by_hand(
    standin: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error's words are in no event: they may quote anybody."""
    monkeypatch.setattr(keep, "SWEEP_SECONDS", 0.05)
    async with shop(standin, monkeypatch, broken, broken, broken, done) as (log, factory):
        job = await ask(log)
        ended = await end(log, job)
        assert isinstance(ended, JobFailed)
        assert (ended.why, len(factory.runs)) == ("RuntimeError in the handler.", 3)
        found = await shown(log, job)
        assert (found.status, found.failures, found.why) == ("dead", 3, ended.why)
        await execute(log, OPERATOR, Again(job), ids.random_id())
        assert isinstance(await end(log, job), JobCompleted)


async def test_calling_a_job_off_stops_it_at_once(standin: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler is interrupted by the hint."""
    async with shop(standin, monkeypatch, forever) as (log, factory):
        job = await ask(log, by=99)
        await _running(log, job)
        await execute(log, person(99), Cancel(job), cancel_key(job, 0))
        assert isinstance(await end(log, job), JobCancelled)
        await _quiet(log)
        assert len(factory.runs) == 1


async def test_a_worker_that_lost_a_job_stops_and_ends_nothing(dsn: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker has it now: neither a result nor a failure is written by this one."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.01)
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        job, begun = await ask(log), asyncio.Event()

        async def waits(_: RunningJob) -> Result:
            begun.set()
            return await forever(_)

        work = Work(settings, log, cast("Any", None), cast("Any", None), None)
        attempt = asyncio.create_task(keep.run(work, Handler("test", waits), job))
        async with asyncio.timeout(120):
            await begun.wait()
            async with log.pool.connection() as connection:
                await connection.execute("UPDATE leases SET holder = %s, expires_at = now() + interval '1 hour'", (ids.random_id(),))
            await attempt
        assert [type(event) for event in await story(log, job)] == [JobRequested, JobStarted]
        assert await leases.taken(log.pool) == {keep.lease_of(job)}


async def test_a_job_is_held_until_its_read_model_knows_that_it_is_over(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """However late that is: freed before, it would be taken up once more by whoever asks what waits."""
    monkeypatch.setattr(keep, "SEEN_SECONDS", 600.0)
    async with reading(settings) as log:
        job = await ask(log)
        assert await runner.wait_for(log.pool, ("jobs",), await log.head(), seconds=60)
    async with open_log(log.dsn, load_master_key(settings)) as log:
        work = Work(settings, log, cast("Any", None), cast("Any", None), None)

        async def attempted() -> str:
            await keep.run(work, Handler("test", done), job)
            return (await shown(log, job)).status

        attempt = asyncio.create_task(attempted())
        deadline = clock.monotonic() + 60
        while not any(isinstance(event, JobCompleted) for event in await story(log, job)):
            assert clock.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert await leases.taken(log.pool) == {keep.lease_of(job)}
        async with reading(settings), asyncio.timeout(60):
            assert await attempt == "completed"


async def test_calling_a_job_off_counts_where_the_hint_never_comes(standin: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that comes after it is not recorded."""
    go = asyncio.Event()

    async def late(_: RunningJob) -> Result:
        await go.wait()
        return {}

    async with shop(standin, monkeypatch, late) as (log, _):
        job = await ask(log)
        await _running(log, job)
        await execute(log, OPERATOR, Cancel(job), ids.random_id())  # not the id the worker listens for
        go.set()
        await _quiet(log)
        assert [type(event) for event in await story(log, job)] == [JobRequested, JobStarted, JobCancelled]


async def _running(log: Log, job: UUID) -> None:
    deadline = clock.monotonic() + 60
    while not any(isinstance(event, JobStarted) for event in await story(log, job)):
        assert clock.monotonic() < deadline
        await asyncio.sleep(0.01)


async def _quiet(log: Log) -> None:
    """Wait until nobody works on a job."""
    deadline = clock.monotonic() + 60
    while any(name.startswith("job:") for name in await leases.taken(log.pool)):
        assert clock.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_many_jobs_of_one_kind_hold_up_no_other_kind(standin: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind has its places in a worker; what it has too much of waits, whatever the wake-ups say."""
    slow, quick = Factory([forever]), Factory([done])
    kinds = {"test": Handler("test", slow.run, QUICK, 1), "other": Handler("other", quick.run, QUICK, 1)}
    monkeypatch.setattr(worker, "HANDLERS", kinds)
    async with reading(standin) as log, working(standin):
        for n in range(6):
            await ask(log, f"number {n}")
        other = job_id("other", "x")
        await execute(log, OPERATOR, Ask(other, "other", "x"), other)
        assert isinstance(await end(log, other), JobCompleted)
        assert len(slow.runs) <= 1


async def test_a_call_of_a_job_passes_the_same_door_as_a_reply(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own payer: the person who asked for it is a guest, the operator is not."""

    async def asks(job: RunningJob) -> Result:
        completion = await job.call("paid/model", [{"role": "user", "content": "Sum it up"}], purpose="summary")
        return {"length": len(completion.text)}

    async with FaultServer.running(Reply("A summary.")) as provider:
        own = with_provider(settings, provider.address, provider_api_key=SecretStr("sk-system-canary-000000000000"))
        async with shop(own, monkeypatch, asks) as (log, _):
            refused = await end(log, await ask(log, "by a guest", by=99))
            assert isinstance(refused, JobFailed)
            assert "not free" in refused.why
            assert [asked for asked in provider.journal if asked.model == "paid/model"] == []
            assert isinstance(await end(log, await ask(log, "by the operator")), JobCompleted)
            spent = [e.event async for e in log.read(Query(types=frozenset({"quota.spend_authorized", "quota.spend_settled"})))]
            assert [type(event) for event in spent] == [SpendAuthorized, SpendSettled]
            assert isinstance(spent[0], SpendAuthorized)
            assert (spent[0].purpose, spent[0].scope, spent[0].user_id) == ("summary", "system", 0)


async def test_the_command_line_starts_lists_and_calls_off_jobs(standin: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the beginning of an id as well; what makes no sense is said in one sentence."""
    monkeypatch.setattr(worker, "HANDLERS", {})  # a worker of another version: nobody here does it
    async with reading(standin):
        code, started, _ = await tzurot(standin, "job", "start", "verify", "--about", "test")
        assert (code, started["new"]) == (0, True)
        again = (await tzurot(standin, "job", "start", "verify", "--about", "test"))[1]
        assert (again["job"], again["new"]) == (started["job"], False)
        [listed] = (await tzurot(standin, "job", "list", "--status", "waiting"))[1]
        assert (listed["name"], listed["about"], listed["job"]) == ("verify", "test", started["job"])
        assert (await tzurot(standin, "job", "cancel", started["job"][:10]))[1]["cancelled"]
        assert (await tzurot(standin, "job", "retry", started["job"]))[1]["retried"]
        assert (await tzurot(standin, "job", "cancel", started["job"]))[1]["cancelled"]
        code, refused, _ = await tzurot(standin, "job", "cancel", "ffffffffff")
        assert (code, refused["error"][:19]) == (1, "No job begins with ")
        assert (await tzurot(standin, "job", "show", started["job"]))[1]["round"] == 1
        code, unknown, _ = await tzurot(standin, "job", "start", "nonsense")
        assert (code, "catalogue" in unknown["error"], "verify" in unknown["error"]) == (1, True, True)


async def test_the_read_models_are_compared_one_after_the_other_and_not_twice(standin: Settings) -> None:
    """An attempt that goes on compares only what is left."""
    async with reading(standin) as log, working(standin):
        job = await keep.ask(log, "verify", "test")
        ended = await end(log, job, seconds=60)
        assert isinstance(ended, JobCompleted)
        assert ended.result == {"compared": len(ALL), "different": []}
        progress = [event.done for event in await story(log, job) if isinstance(event, JobProgressed)]
        assert progress == list(range(1, len(ALL) + 1))


async def test_a_result_with_peoples_words_is_sealed_for_all_of_them(standin: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids stay clear; once one of the people is erased the words are gone."""

    async def quoting(_: RunningJob) -> JobResult:
        return JobResult({"count": 2}, people=(71, 72), personal={"quote": "canary"})

    async with shop(standin, monkeypatch, quoting) as (log, _):
        job = await ask(log)
        ended = await end(log, job)
        assert isinstance(ended, JobCompleted)
        assert (ended.result, ended.people, ended.personal) == ({"count": 2}, (71, 72), {"quote": "canary"})
        stored = [row async for row in log.rows(Query(types=frozenset({"job.completed"})))][-1]
        assert b"canary" not in bytes(stored.data)
        await erasure.erase(log, 72, requested_by=1)
        assert (await story(log, job))[-1] == ended.model_copy(update={"personal": {}})


async def test_a_job_about_somebody_who_was_erased_meanwhile_is_not_begun(standin: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would work on blanks: it ends for good and says why."""
    factory, job = Factory([done]), job_id("test", "words")
    monkeypatch.setattr(worker, "HANDLERS", {"test": Handler("test", factory.run, QUICK, 2)})
    async with reading(standin) as log:
        await execute(log, OPERATOR, Ask(job, "test", "words", people=(73,), personal={"quote": "canary"}), job)
        await erasure.erase(log, 73, requested_by=1)
        async with working(standin):
            ended = await end(log, job)
    assert isinstance(ended, JobFailed)
    assert (ended.why, factory.runs) == ("Somebody whose words this is about was erased.", [])


def test_a_new_job_is_one_file_and_one_line() -> None:
    """A handler's file is imported by the list of handlers and by nobody else in the worker's machinery."""
    shipped = {handler.run.__module__ for handler in HANDLERS.values()}
    files = {path.stem for path in Path(keep.__file__).parent.glob("*.py") if "HANDLER = " in path.read_text()}
    assert {module.rpartition(".")[2] for module in shipped} == files
    assert len(files) >= 15, "the files are found"
    machinery = [Path(keep.__file__), Path(running.__file__), Path(worker.__file__)]
    for module in shipped:
        name = module.rpartition(".")[2]
        assert [file.name for file in machinery if name in file.read_text()] == []
