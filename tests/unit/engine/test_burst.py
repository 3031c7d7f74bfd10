"""Which quick messages get one answer (A16)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ids
from engine.decide.speaking.burst import LONGEST_S, MOST, Spoken, join
from tests.support.examples import examples

START = datetime(2026, 11, 28, 12, tzinfo=UTC)
ADA, BOB = 7, 8


def line(seconds: float, author: int = ADA, *, turn: bool = True, calls: bool = False) -> Spoken:
    message = ids.snowflake_at(START + timedelta(seconds=seconds))
    return Spoken(message, author, UUID(int=message) if turn else None, calls)


def test_one_message_waits_for_a_second_and_then_is_answered() -> None:
    """Two seconds after it; at once where nobody waits."""
    only = line(0)
    assert join([only], 2.0).due == START + timedelta(seconds=2)
    assert join([only], 0.0) == join([only, line(3, BOB)], 0.0)
    assert join([only], 0.0).due is None


def test_quick_messages_of_one_person_get_one_answer_to_the_last() -> None:
    """The others' turns end; the wait begins anew with each."""
    three = [line(0), line(1), line(2.5)]
    found = join(three, 2.0)
    assert found.turn == three[2].turn
    assert found.superseded == (three[0].turn, three[1].turn)
    assert found.due == START + timedelta(seconds=4.5)


@pytest.mark.parametrize("last", [line(1, BOB), line(1, calls=True), line(LONGEST_S + 1)])
def test_another_author_a_call_or_much_time_ends_the_run_at_once(last: Spoken) -> None:
    """What ends a run is no part of it."""
    found = join([line(0), line(0.5), last], 2.0)
    assert (found.turn, found.due) == (line(0.5).turn, None)


def test_who_calls_somebody_is_answered_at_once() -> None:
    """A name or a reply waits for nothing."""
    assert join([line(0, calls=True), line(1)], 2.0) == join([line(0, calls=True)], 0.0)


def test_a_run_has_five_messages_and_ten_seconds_at_most() -> None:
    """Whoever goes on writing is answered all the same."""
    assert join([line(n / 10) for n in range(7)], 2.0).turn == line((MOST - 1) / 10).turn
    assert join([line(0), line(9)], 2.0).due == START + timedelta(seconds=LONGEST_S)


def test_a_message_that_another_character_answers_goes_along() -> None:
    """The run is the person's: a message without a turn of this character neither ends it nor is lost."""
    found = join([line(0), line(1, turn=False), line(2)], 2.0)
    assert (found.turn, found.superseded) == (line(2).turn, (line(0).turn,))
    assert join([line(0), line(1, turn=False)], 2.0).turn == line(0).turn


LINES = st.lists(
    st.tuples(st.floats(0.01, 4), st.sampled_from([ADA, ADA, BOB]), st.booleans(), st.sampled_from([False] * 5 + [True])), max_size=30
)


@given(LINES, st.sampled_from([0.0, 2.0]))
def test_every_turn_is_answered_or_stood_for_exactly_once(drawn: list[tuple[float, int, bool, bool]], wait_s: float) -> None:
    """Run after run, however messages follow each other: as many answers as runs, and each answers its own author."""
    at, left = 0.0, [line(0)]
    for gap, author, turn, calls in drawn:
        at += gap
        left.append(line(at, author, turn=turn, calls=calls))
    everybody = {one.turn for one in left} - {None}
    authors = {one.turn: one.author_id for one in left}
    settled: list[UUID] = []
    while left:
        found = join(left, wait_s)
        done = {*found.superseded, found.turn}
        assert len({authors[one] for one in done}) == 1
        settled += done
        left = [one for one in left if one.turn is None or one.turn not in done]
        left = left[next((n for n, one in enumerate(left) if one.turn is not None), len(left)) :]
    assert set(settled) == everybody
    assert len(settled) == len(everybody)


def test_typing_begins_the_wait_anew_and_no_longer_than_ten_seconds_in_all() -> None:
    """What was typed before the last message says nothing."""
    only, later = line(0), START + timedelta(seconds=1.5)
    assert join([only], 2.0, later).due == START + timedelta(seconds=3.5)
    assert join([only, line(3)], 2.0, later).due == START + timedelta(seconds=5)
    assert join([only], 2.0, START + timedelta(seconds=9.5)).due == START + timedelta(seconds=LONGEST_S)


@examples(100)
@given(st.lists(st.tuples(st.floats(0.01, 6.0), st.sampled_from((ADA, BOB)), st.booleans()), min_size=1, max_size=12))
def test_there_are_as_many_replies_as_runs_whatever_the_interleaving(said: list[tuple[float, int, bool]]) -> None:
    """Two people writing into each other: every message is in one run, every run has one answer, to its last message."""
    at, lines = 0.0, list[Spoken]()
    for pause, author, calls in said:
        at += pause
        lines.append(line(at, author, calls=calls))
    runs: list[list[Spoken]] = []
    for one in lines:
        run = runs[-1] if runs else []
        goes_on = bool(run) and not one.calls and not run[0].calls and one.author_id == run[0].author_id and len(run) < MOST
        if goes_on and (one.said_at - run[0].said_at).total_seconds() <= LONGEST_S:
            run.append(one)
        else:
            runs.append([one])
    answered, ended = list[UUID](), list[UUID]()
    waiting = list(lines)
    while waiting:
        found = join(waiting, 2.0)
        answered.append(found.turn)
        ended += found.superseded
        waiting = [one for one in waiting if one.turn not in {*answered, *ended}]
    assert answered == [run[-1].turn for run in runs]
    assert ended == [one.turn for run in runs for one in run[:-1]]
