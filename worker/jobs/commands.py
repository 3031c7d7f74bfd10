"""Commands about jobs: what waits, runs, was given up; start one, call one off, have one tried again."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, get_args
from uuid import UUID

import typer

from engine import clock, ids
from engine.actor import operator
from engine.decide.job import Again, Ask, Cancel, Status, cancel_key, job_id
from engine.execute import execute
from engine.store import Log
from engine.terminal import Json, say, table
from projections.models import jobs
from projections.models.jobs import Job
from worker.terminal import NotFound, with_log

Which = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job, or its beginning.")]
STATUSES = tuple(name for name in get_args(Status) if name != "unknown")


def job_list(
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(STATUSES)}.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    json: Json = False,
) -> None:
    """List jobs, the latest first. Those that were given up are `dead`."""
    if status is not None and status not in STATUSES:
        raise NotFound(f"--status is one of {', '.join(STATUSES)}.")

    async def work(log: Log) -> list[Job]:
        async with log.pool.connection() as connection:
            return await jobs.recent(connection, status=status, limit=limit)

    found = with_log(work)
    say([_shown(job) for job in found], json=json, words="" if found else "No jobs.")
    if found and not json:
        rows = [(str(job.job)[:8], job.name, job.about, job.status, how_far(job), job.why, _at(job)) for job in found]
        table(("job", "name", "about", "status", "progress", "why", "asked for (UTC)"), rows)


def job_show(job: Which, json: Json = False) -> None:
    """Show everything about a job."""
    found = with_log(lambda log: _find(log, job))
    say(_shown(found), json=json)
    if not json:
        table(("", ""), [(name, value) for name, value in _shown(found).items() if value is not None])


def job_start(
    name: Annotated[str, typer.Argument(help="What to do: catalogue, verify.")],
    about: Annotated[str, typer.Option(help="What it is about. Asking twice about the same is asking once.")] = "",
    json: Json = False,
) -> None:
    """Have a job done by a running worker."""
    from worker.jobs import HANDLERS

    if name not in HANDLERS:
        raise NotFound(f"There is no job {name}. There are: {', '.join(sorted(HANDLERS))}.")
    about = about or f"by hand:{clock.now().isoformat()}"
    job = job_id(name, about)
    done = with_log(lambda log: execute(log, operator(), Ask(job, name, about), job, see=("jobs",)))
    words = f"It was asked for before: {job}" if done.repeated or not done.events else f"Asked for: {job}"
    say({"job": str(job), "new": bool(done.events) and not done.repeated}, json=json, words=words)


def job_cancel(job: Which, json: Json = False) -> None:
    """Call a job off."""

    async def work(log: Log) -> UUID:
        found = await _find(log, job)
        await execute(log, operator(), Cancel(found.job), cancel_key(found.job, found.round), see=("jobs",))
        return found.job

    cancelled = with_log(work)
    say({"job": str(cancelled), "cancelled": True}, json=json, words=f"Called off: {cancelled}")


def job_retry(job: Which, json: Json = False) -> None:
    """Have a job that was given up or called off tried again; one that waits for its next try, at once."""

    async def work(log: Log) -> UUID:
        found = await _find(log, job)
        await execute(log, operator(), Again(found.job), ids.random_id(), see=("jobs",))
        return found.job

    again = with_log(work)
    say({"job": str(again), "retried": True}, json=json, words=f"Asked for again: {again}")


async def _find(log: Log, which: str) -> Job:
    async with log.pool.connection() as connection:
        found = await jobs.beginning(connection, which.lower())
    if len(found) == 1:
        return found[0]
    raise NotFound(f"No job begins with {which}. `tzurot job list` shows them." if not found else f"More than one job begins with {which}.")


def how_far(job: Job) -> str:
    """Progress in words: `40 of 100, 12 a second, 0:00:05 left`. Pure."""
    if not job.done and job.total is None:
        return ""
    said = [f"{job.done:,} of {job.total:,}" if job.total is not None else f"{job.done:,}"]
    said += [f"{job.rate:,.1f} a second"] if job.rate else []
    said += [f"{str(job.left).split('.', maxsplit=1)[0]} left"] if job.left is not None else []
    return ", ".join(said)


def _shown(job: Job) -> dict[str, object]:
    left = job.left
    return asdict(job) | {"rate": job.rate, "left_s": left.total_seconds() if left is not None else None}


def _at(job: Job) -> str:
    return f"{job.requested_at:%Y-%m-%d %H:%M:%S}"


COMMANDS: dict[str, Callable[..., None]] = {
    "list": job_list,
    "show": job_show,
    "start": job_start,
    "cancel": job_cancel,
    "retry": job_retry,
}
