"""Rules for jobs: one end a round, no word of a worker that lost it, retries that end."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actor import operator, person
from engine.decide import job
from engine.decide.job import Advance, Again, Ask, Cancel, Complete, Fail, JobCommand, RetryPolicy, Start, State
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.job import JobCancelled, JobCompleted, JobFailed, JobRequested, JobStarted

JOB = job.job_id("catalogue", "local:1")
NOW = datetime(2026, 11, 28, tzinfo=UTC)
ADA, BOB = person(71), person(72)
ASK = Ask(JOB, "catalogue", "local:1", {"size": 3})


def given_(*commands: JobCommand) -> State:
    """The state after these commands."""
    state = State()
    for command in commands:
        for event in job.decide(state, command, ADA):
            state = job.evolve(state, event)
    return state


def then(state: State, command: JobCommand, by: object = ADA) -> Sequence[Event]:
    return job.decide(state, command, by)  # type: ignore[arg-type]  # an Actor, made below


def test_asking_again_for_the_same_changes_nothing() -> None:
    """Any process may ask, at any time, also after the end."""
    assert then(given_(ASK), ASK) == []
    assert then(given_(ASK, Start(JOB), Complete(JOB, 1)), ASK) == []


def test_an_attempt_that_another_worker_took_over_is_not_heard_any_more() -> None:
    """Neither its progress nor its result."""
    state = given_(ASK, Start(JOB), Start(JOB))
    for late in (Advance(JOB, 1, 5, 9, {}), Complete(JOB, 1), Fail(JOB, 1, "late", NOW)):
        with pytest.raises(Rejected):
            then(state, late)
    assert isinstance(then(state, Complete(JOB, 2))[0], JobCompleted)


def test_a_job_that_was_called_off_takes_no_result() -> None:
    """The worker learns of it at the latest when it wants to end it."""
    with pytest.raises(Rejected):
        then(given_(ASK, Start(JOB), Cancel(JOB)), Complete(JOB, 1))


def test_only_the_asker_and_the_operator_call_a_job_off_or_start_it_again() -> None:
    """To others it looks as if there were no such job."""
    state = given_(ASK)
    with pytest.raises(Rejected, match="no such job"):
        then(state, Cancel(JOB), BOB)
    assert isinstance(then(state, Cancel(JOB), operator())[0], JobCancelled)
    with pytest.raises(Rejected, match="no such job"):
        then(given_(ASK, Cancel(JOB)), Again(JOB), BOB)
    with pytest.raises(Rejected, match="no such job"):
        then(State(), Cancel(JOB))


def test_another_round_keeps_what_was_asked_for_and_where_it_stood() -> None:
    """It goes on from the last cursor, with all its tries."""
    state = given_(ASK, Start(JOB), Advance(JOB, 1, 2, 3, {"at": 2}), Fail(JOB, 1, "no", NOW, for_good=True), Again(JOB))
    assert (state.status, state.failures, state.cursor) == ("waiting", 0, {"at": 2})
    assert state.request is not None
    assert (state.request.round, state.request.parameters) == (1, {"size": 3})


def test_what_cannot_be_done_again_says_so() -> None:
    """A job that runs, and one that is done."""
    for state in (given_(ASK, Start(JOB)), given_(ASK, Start(JOB), Complete(JOB, 1))):
        with pytest.raises(Rejected):
            then(state, Again(JOB))


@given(st.integers(1, 12), st.floats(0.1, 60), st.floats(60, 4000))
def test_a_failing_job_is_tried_as_often_as_its_patience_says_ever_more_slowly(attempts: int, first: float, longest: float) -> None:
    """Then it is given up. A wait for a limit does not count."""
    retry = RetryPolicy(attempts, first, longest)
    state, pauses = given_(ASK), list[float]()
    while not state.over:
        state = job.evolve(state, then(state, Start(JOB))[0])
        [waits] = then(state, Fail(JOB, state.attempt, "a limit", NOW, retry, until=NOW + timedelta(hours=1)))
        state = job.evolve(job.evolve(state, waits), then(job.evolve(state, waits), Start(JOB))[0])
        [failed] = then(state, Fail(JOB, state.attempt, "no", NOW, retry))
        assert isinstance(failed, JobFailed)
        pauses += [failed.retry_ms / 1000 - NOW.timestamp()] if failed.retry_ms is not None else []
        state = job.evolve(state, failed)
    assert (state.status, state.failures) == ("dead", attempts)
    assert pauses == sorted(pauses)
    assert all(pause <= longest + 0.001 for pause in pauses)


def test_a_job_that_kills_its_workers_is_given_up() -> None:
    """Unless it gets on: a long job may outlive any number of workers."""
    state = given_(ASK)
    for _ in range(job.DEATHS):
        state = job.evolve(state, then(state, Start(JOB))[0])
    assert isinstance(then(state, Start(JOB))[0], JobFailed)
    going = job.evolve(state, then(state, Advance(JOB, state.attempt, 1, None, {}))[0])
    assert isinstance(then(going, Start(JOB))[0], JobStarted)


def test_what_is_too_large_for_an_event_is_refused() -> None:
    """Texts and files belong elsewhere."""
    with pytest.raises(Rejected, match="kB"):
        then(State(), Ask(JOB, "catalogue", "x", {"text": "x" * job.MOST_BYTES}))


COMMANDS = st.one_of(
    st.just(ASK),
    st.just(Start(JOB)),
    st.just(Cancel(JOB)),
    st.just(Again(JOB)),
    st.builds(Advance, st.just(JOB), st.integers(0, 6), st.integers(0, 2**40), st.none() | st.integers(0, 2**40), st.just({})),
    st.builds(Complete, st.just(JOB), st.integers(0, 6)),
    st.builds(
        lambda attempt, why, good: Fail(JOB, attempt, why, NOW, RetryPolicy(2), for_good=good), st.integers(0, 6), st.text(), st.booleans()
    ),
)


@given(st.lists(COMMANDS, max_size=40))
def test_whatever_is_wanted_in_whatever_order_a_round_has_one_end(commands: list[JobCommand]) -> None:
    """Between two requests stands at most one end, and after it nothing."""
    state, events = State(), list[Event]()
    for command in commands:
        try:
            made = then(state, command)
        except Rejected:
            continue
        for event in made:
            state = job.evolve(state, event)
        events += made
    over = True
    for event in events:
        assert isinstance(event, JobRequested) or not over
        over = isinstance(event, JobCompleted | JobCancelled) or (isinstance(event, JobFailed) and event.retry_ms is None)
