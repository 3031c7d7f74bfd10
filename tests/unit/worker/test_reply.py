"""Repetition is noticed, and what stopped a reply."""

from hypothesis import given
from hypothesis import strategies as st

from worker.turn.repetition import EXEMPT_BELOW, repeats

SENTENCE = "The river runs quietly past the old mill while nobody is watching it at night."


def test_the_same_nearly_the_same_and_an_echo_are_repetitions() -> None:
    assert repeats(SENTENCE, [SENTENCE])
    assert repeats(SENTENCE.upper() + "!", [SENTENCE])
    assert repeats(SENTENCE.replace("quietly", "slowly"), ["Something else altogether, quite long as well.", SENTENCE])


def test_different_and_short_replies_are_not() -> None:
    assert not repeats("I would rather talk about mountains today, if you do not mind.", [SENTENCE])
    assert not repeats("Yes.", ["Yes."])
    assert not repeats("", [SENTENCE])


@given(st.text(max_size=EXEMPT_BELOW - 1), st.lists(st.text(max_size=60), max_size=3))
def test_short_replies_may_always_repeat(reply: str, earlier: list[str]) -> None:
    assert not repeats(reply, earlier)


@given(st.text(min_size=EXEMPT_BELOW, max_size=100).filter(lambda text: len(text.strip()) >= EXEMPT_BELOW and any(map(str.isalnum, text))))
def test_a_text_repeats_itself(text: str) -> None:
    assert repeats(text, [text])
