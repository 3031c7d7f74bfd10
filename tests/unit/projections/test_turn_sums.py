"""Percentiles from a histogram of times."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.turn_sums import NO_TIME, STEP, percentile


@given(st.lists(st.floats(1, 3.6e6), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]), st.integers(0, 5))
def test_a_percentile_of_a_histogram_is_near_that_of_its_times(times: list[float], share: float, unanswered: int) -> None:
    """It lies in the class of the time that has that many before it; turns without an answer count for nothing."""
    classes: dict[int, int] = {NO_TIME: unanswered}
    for ms in times:
        number = math.floor(math.log(ms) / math.log(STEP))
        classes[number] = classes.get(number, 0) + 1
    found = percentile(sorted(classes.items()), share)
    exact = sorted(times)[math.ceil(share * len(times)) - 1]
    assert found == pytest.approx(exact, rel=STEP - 1 + 1e-9)


def test_no_times_have_no_percentile() -> None:
    """Neither nothing nor turns without an answer."""
    assert percentile([], 0.5) is None
    assert percentile([(NO_TIME, 7)], 0.95) is None
