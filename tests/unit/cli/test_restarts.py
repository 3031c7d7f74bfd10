"""Whether a part is started again: soon, ever later, or not at all."""

from hypothesis import given
from hypothesis import strategies as st

from bot.cli.supervisor.restarts import LONGEST_DELAY_S, QUICK_S, TRIES, GiveUp, Restart, after_end, describe
from engine.process import NEEDS_A_PERSON

CODES = st.integers(-64, 255).filter(lambda code: code != NEEDS_A_PERSON)
QUICKLY = st.floats(0, QUICK_S, exclude_max=True)


@given(st.floats(0, 1e6), st.integers(0, TRIES))
def test_what_a_person_must_correct_is_not_tried_again(worked: float, quick: int) -> None:
    """However long it ran before."""
    assert isinstance(after_end(NEEDS_A_PERSON, worked, quick), GiveUp)


@given(CODES, st.floats(QUICK_S, 1e6), st.integers(0, TRIES))
def test_a_part_that_worked_for_a_while_comes_back_at_once(code: int, worked: float, quick: int) -> None:
    """And its earlier failures are forgotten."""
    assert after_end(code, worked, quick) == Restart(0.0, 0)


@given(st.lists(st.tuples(CODES, QUICKLY), min_size=TRIES, max_size=TRIES))
def test_a_part_that_never_starts_is_given_up_after_its_tries(ends: list[tuple[int, float]]) -> None:
    """With a delay that grows and stays bounded; the last decision, and only that, is to give up."""
    quick, delays = 0, []
    for code, worked in ends[:-1]:
        decision = after_end(code, worked, quick)
        assert isinstance(decision, Restart)
        quick = decision.quick
        delays.append(decision.delay)
    assert delays == sorted(delays)
    assert 0 < delays[0] <= delays[-1] <= LONGEST_DELAY_S
    assert isinstance(after_end(*ends[-1], quick), GiveUp)


def test_ends_are_told_in_words() -> None:
    """Signals by number, as Python gives them negative."""
    assert describe(-9) == "ended by signal 9"
    assert describe(3) == "ended with exit code 3"
