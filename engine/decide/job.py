"""Rules for jobs: who may ask for one, take it up, bring it to its end, call it off. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import orjson
from pydantic import JsonValue

from engine import ids
from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.job import JobCancelled, JobCompleted, JobFailed, JobProgressed, JobRequested, JobStarted

Status = Literal["unknown", "waiting", "running", "completed", "dead", "cancelled"]
MOST_BYTES = 16 * 1024
"""Of parameters, of a cursor, of a result: what is larger belongs into a table, a file or an event of its own."""
DEATHS = 20
"""Attempts in a row that ended with their worker and without any progress. After them the job is given up: it may be what kills."""
FIELDS = Mapping[str, JsonValue]
OVER = "This job is over already."


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failing job is tried, and the seconds between the tries: `first`, doubled each time, at most `longest`."""

    attempts: int = 5
    first: float = 5.0
    longest: float = 600.0

    def pause(self, failures: int) -> timedelta | None:
        """How long to wait after the n-th failure of a round, counted from 1; None when it was the last."""
        if failures >= self.attempts:
            return None
        return timedelta(seconds=min(self.first * 2 ** min(failures - 1, 30), self.longest))


@dataclass(frozen=True, slots=True)
class State:
    """A job. `failures` and `deaths` are those of this round; `request` is the latest round's."""

    status: Status = "unknown"
    request: JobRequested | None = None
    attempt: int = 0
    failures: int = 0
    deaths: int = 0
    done: int = 0
    total: int | None = None
    cursor: FIELDS = field(default_factory=dict)

    @property
    def over(self) -> bool:
        return self.status in {"completed", "dead", "cancelled"}


def job_id(name: str, about: str) -> UUID:
    """The id of the job of this name about this: the same for whoever asks."""
    return ids.derived("job", name, about)


def cancel_key(job: UUID, nth: int) -> UUID:
    """The key of the command that calls a round of a job off: whoever works on it knows what to listen for."""
    return ids.derived("job-cancel", job, nth)


@dataclass(frozen=True, slots=True)
class JobCommand(Command):
    """Base of the commands about one job."""

    job: UUID

    @property
    def stream(self) -> str:
        return f"job:{self.job}"


@dataclass(frozen=True, slots=True)
class Ask(JobCommand):
    """Have it done. Asking again for what was asked for changes nothing."""

    name: str
    about: str
    parameters: FIELDS = field(default_factory=dict)
    people: tuple[int, ...] = ()
    personal: FIELDS = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start(JobCommand):
    """A worker that holds the job's lease takes it up."""


@dataclass(frozen=True, slots=True)
class Advance(JobCommand):
    """The worker of this attempt got so far."""

    attempt: int
    done: int
    total: int | None
    cursor: FIELDS


@dataclass(frozen=True, slots=True)
class Complete(JobCommand):
    """The worker of this attempt is done."""

    attempt: int
    result: FIELDS = field(default_factory=dict)
    people: tuple[int, ...] = ()
    personal: FIELDS = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fail(JobCommand):
    """This attempt failed. `for_good`: trying again cannot help. `until`: it need not be tried before, and it was nobody's fault."""

    attempt: int
    why: str
    now: datetime
    retry: RetryPolicy = RetryPolicy()
    for_good: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cancel(JobCommand):
    """Call it off."""


@dataclass(frozen=True, slots=True)
class Again(JobCommand):
    """Another round of a job that was given up or called off; at once, if it waits for its next try."""


def evolve(state: State, event: Event) -> State:
    """The state after an event of the job."""
    match event:
        case JobRequested():
            return replace(state, status="waiting", request=event, failures=0, deaths=0)
        case JobStarted():
            return replace(state, status="running", attempt=event.attempt, deaths=state.deaths + (state.status == "running"))
        case JobProgressed():
            return replace(state, done=event.done, total=event.total, cursor=event.cursor, deaths=0)
        case JobCompleted():
            return replace(state, status="completed")
        case JobFailed():
            failures = state.failures + event.counts
            return replace(state, status="dead" if event.retry_ms is None else "waiting", failures=failures, deaths=0)
        case JobCancelled():
            return replace(state, status="cancelled")
        case _:
            return state


def reads(_: State, command: JobCommand) -> Sequence[str]:
    """The job's own stream."""
    return [command.stream]


def decide(state: State, command: JobCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes. Raises Rejected."""
    match command:
        case Ask():
            return [] if state.request is not None else [_requested(command, actor)]
        case Cancel():
            return [_cancelled(state, command, actor)]
        case Again():
            return [_again(state, command, actor)]
        case Start():
            return [_started(state, command)]
        case Advance() | Complete() | Fail():
            return [_told(state, command)]
        case _:
            raise AssertionError(type(command).__name__)


def _requested(command: Ask, actor: Actor) -> JobRequested:
    _small(command.parameters, command.personal)
    return JobRequested(
        job_id=command.job,
        name=command.name,
        about=command.about,
        asked_by=actor.user_id,
        parameters=dict(command.parameters),
        people=command.people,
        personal=dict(command.personal),
    )


def _known(state: State, actor: Actor) -> JobRequested:
    """The request, for whoever may see it: the asker, and those whose bot it is."""
    if state.request is None or not (actor.trusted or actor.user_id == state.request.asked_by):
        raise Rejected("There is no such job, or it is not yours.")
    return state.request


def _cancelled(state: State, command: Cancel, actor: Actor) -> JobCancelled:
    request = _known(state, actor)
    if state.over:
        raise Rejected(OVER)
    return JobCancelled(job_id=command.job, name=request.name, by_user_id=actor.user_id)


def _again(state: State, command: Again, actor: Actor) -> JobRequested:
    request = _known(state, actor)
    if state.status == "running":
        raise Rejected("This job is running.")
    if state.status == "completed":
        raise Rejected("This job is done. Start another one.")
    return request.model_copy(update={"job_id": command.job, "round": request.round + 1})


def _started(state: State, command: Start) -> JobStarted | JobFailed:
    if state.request is None or state.over:
        raise Rejected(OVER)
    name, attempt = state.request.name, state.attempt
    if state.status == "running" and state.deaths + 1 >= DEATHS:
        return JobFailed(job_id=command.job, name=name, attempt=attempt, why=f"{DEATHS} workers in a row ended over this job.")
    return JobStarted(job_id=command.job, name=name, attempt=attempt + 1)


def _told(state: State, command: Advance | Complete | Fail) -> Event:
    """What the worker of an attempt says; not heard when the job is over, or another worker has it."""
    if state.request is None or state.status != "running" or state.attempt != command.attempt:
        raise Rejected("This job is over, or another worker has it now.")
    job, name, attempt = command.job, state.request.name, command.attempt
    match command:
        case Advance():
            _small(command.cursor)
            return JobProgressed(job_id=job, attempt=attempt, done=command.done, total=command.total, cursor=dict(command.cursor))
        case Complete():
            _small(command.result, command.personal)
            people, personal = command.people, dict(command.personal)
            return JobCompleted(job_id=job, name=name, attempt=attempt, result=dict(command.result), people=people, personal=personal)
        case Fail():
            return _failed(state, command, name)


def _failed(state: State, command: Fail, name: str) -> JobFailed:
    pause = None if command.for_good else command.retry.pause(state.failures + 1)
    at = command.until or (command.now + pause if pause is not None else None)
    return JobFailed(
        job_id=command.job,
        name=name,
        attempt=command.attempt,
        why=command.why[:300],
        retry_ms=None if at is None or command.for_good else max(int(at.timestamp() * 1000), 0),
        counts=command.until is None,
    )


def _small(*values: FIELDS) -> None:
    if any(len(orjson.dumps(dict(value))) > MOST_BYTES for value in values):
        raise Rejected(f"A job's parameters, cursor and result hold at most {MOST_BYTES // 1024} kB each.")


def reverse(_before: State, _after: State, _event: Event) -> JobCommand:
    """Jobs are called off, not taken back."""
    raise Rejected("This cannot be taken back.")


RULES: Rules[State, JobCommand] = Rules("job", JobCommand, State(), evolve, reads, decide, reverse)
