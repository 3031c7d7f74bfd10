"""What is due: nothing twice, nothing left out, whatever the clock does."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.due import EPOCH, CountedGroups, Counts, DueWindow, Every, due

MOMENTS = st.integers(0, 4 * 10**15).map(lambda microseconds: EPOCH + timedelta(microseconds=microseconds))
PERIODS = st.timedeltas(timedelta(seconds=1), timedelta(days=40)).map(lambda span: timedelta(seconds=int(span.total_seconds()) or 1))


@given(st.integers(1, 60), st.lists(st.integers(0, 30), max_size=20))
def test_every_thing_belongs_to_exactly_one_group_however_often_one_asks(size: int, arrivals: list[int]) -> None:
    """Things arrive in any rhythm; the windows asked for are the complete groups, each once, in order, without a hole."""
    total = 0
    asked: list[DueWindow] = []
    for more in arrivals:
        total += more
        asked += due(Counts(total, len(asked)), EPOCH, CountedGroups(size))
    assert [window.number for window in asked] == list(range(total // size))
    assert [n for window in asked for n in range(window.first, window.end)] == list(range(total // size * size))


@given(PERIODS, PERIODS, st.lists(MOMENTS, max_size=20))
def test_a_stretch_of_time_is_due_once_and_holds_its_clock(period: timedelta, offset: timedelta, clocks: list[datetime]) -> None:
    """Also when the clock steps back: what was asked for is not asked for again."""
    policy, following = Every(period, offset), 0
    seen: set[int] = set()
    for clock in clocks:
        for window in due(Counts(next=following), clock, policy):
            assert window.number not in seen
            assert window.first <= (clock - EPOCH).total_seconds() < window.end
            assert timedelta(seconds=window.end - window.first) == period
            seen.add(window.number)
            following = window.number + 1


@given(PERIODS, MOMENTS)
def test_whoever_asks_within_one_stretch_means_the_same(period: timedelta, clock: datetime) -> None:
    """Two processes that look at different moments of it name it alike."""
    [window] = due(Counts(), clock, Every(period))
    last = EPOCH + timedelta(seconds=window.end) - timedelta(microseconds=1)
    assert due(Counts(), last, Every(period)) == [window]
    [after] = due(Counts(), last + timedelta(microseconds=1), Every(period))
    assert (after.number, after.first) == (window.number + 1, window.end)


def test_a_policy_that_can_never_be_due_is_refused() -> None:
    """No group of nothing, no stretch of no time."""
    with pytest.raises(ValueError, match="member"):
        CountedGroups(0)
    with pytest.raises(ValueError, match="period"):
        Every(timedelta())
