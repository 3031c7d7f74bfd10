"""Two answers beside each other (F3): where they begin to differ."""

from hypothesis import given
from hypothesis import strategies as st

from bot.experiments import MOST_WORDS, AnswerPart, changed, sides, told_apart


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_nothing_is_lost_and_what_both_begin_with_is_not_marked(start: str, left: str, right: str) -> None:
    one, other = sides(("a", "b"), (start + left, start + right))
    assert (one.same + one.other, other.same + other.other) == (start + left, start + right)
    assert one.same == other.same
    assert one.same.startswith(start)
    assert not (one.other and other.other and one.other[0] == other.other[0])


WORDS = st.lists(st.sampled_from(["the", "mill", "burnt\n", " ", "down."]), max_size=12).map(" ".join)


@given(WORDS, WORDS, st.integers(0, 1))
def test_everything_that_differs_is_marked_and_nothing_else(left: str, right: str, long: int) -> None:
    """Also of texts too long to be compared word by word: from the first to the last difference."""
    left, right = (text + " same" * (MOST_WORDS * long) for text in (left, right))
    one, other = told_apart(left, right)
    assert ("".join(part.text for part in one), "".join(part.text for part in other)) == (left, right)
    assert [part.text for part in one if part.same] == [part.text for part in other if part.same]
    if left == right:
        assert all(part.same for part in (*one, *other))


def test_a_word_in_the_middle_is_marked_and_what_follows_is_not() -> None:
    one, other = sides(("a", "b"), ("The old mill burnt down.", "The new mill burnt."))
    assert one.parts == (AnswerPart("The ", True), AnswerPart("old ", False), AnswerPart("mill ", True), AnswerPart("burnt down.", False))
    assert other.parts == (AnswerPart("The ", True), AnswerPart("new ", False), AnswerPart("mill ", True), AnswerPart("burnt.", False))


def test_what_was_otherwise_is_told_in_words() -> None:
    """The words themselves are not: only where they stand."""
    told = {"turn": "x", "vectors": "small.v1", "generation": "a/b"}
    assert changed(told, {}, [9, 7]) == [
        "the memories made by a/b",
        "memories found by the vectors of small.v1",
        "other words in event 7",
        "other words in event 9",
    ]
