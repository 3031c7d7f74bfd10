"""A chaos run counts honestly: nothing passes that was not judged, was lost, or came twice."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.rows import ROWS, titles
from tests.chaos.run import Run, percentile
from tests.support.oracle import Verdict

CLEAN = Verdict({"I1": [], "I2": []})


async def _trials(run: Run, step: int = 1) -> list[int]:
    return [number async for number in run.each(step)]


@given(st.integers(1, 40), st.integers(1, 7))
def test_a_run_makes_as_many_trials_as_were_wanted(wanted: int, step: int) -> None:
    """Also when trials come several at a time."""
    run = Run("R00", wanted, quiet=True)
    assert asyncio.run(_trials(run, step)) == list(range(0, wanted, step))
    assert run.trials == wanted


async def test_an_interrupted_run_reports_what_it_did() -> None:
    """Ctrl-C ends it after the current trial, and the result says so."""
    run = Run("R00", 10, quiet=True)
    async for number in run.each():
        run.interrupted = number == 3
    assert (run.trials, run.result()["interrupted"]) == (4, True)


@pytest.mark.parametrize("flaw", [{"lost": 1}, {"duplicates": 1}, {"broken": ["x"]}, {"verdict": None}, {"trials": 0}])
def test_one_flaw_fails_a_run(flaw: dict[str, object]) -> None:
    """And without any it passes."""
    run = Run("R00", 1, trials=1, verdict=CLEAN)
    assert run.passed
    for name, value in flaw.items():
        setattr(run, name, value)
    assert not run.passed


def test_a_violation_of_the_oracle_fails_a_run() -> None:
    """Whatever people saw."""
    assert not Run("R00", 1, trials=1, verdict=Verdict({"I2": ["a gap"]})).passed


@given(st.lists(st.floats(0, 100), min_size=1))
def test_percentiles_are_values_that_were_seen(values: list[float]) -> None:
    """Nearest rank: never above the largest, and the 100th is the largest."""
    ordered = sorted(values)
    assert percentile(ordered, 50) in {round(value, 3) for value in ordered}
    assert percentile(ordered, 100) == round(ordered[-1], 3)


def test_every_row_has_a_title_and_a_number_of_trials() -> None:
    """`tzurot chaos list` tells what each row does."""
    listed = {str(entry["row"]): entry for entry in titles()}
    assert set(ROWS) <= set(listed)
    assert all(entry["title"] for entry in listed.values())
