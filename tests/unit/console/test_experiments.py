"""Two answers beside each other (F3): where they begin to differ."""

from hypothesis import given
from hypothesis import strategies as st

from bot.experiments import sides


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_nothing_is_lost_and_what_both_begin_with_is_not_marked(start: str, left: str, right: str) -> None:
    one, other = sides(("a", "b"), (start + left, start + right))
    assert (one.same + one.other, other.same + other.other) == (start + left, start + right)
    assert one.same == other.same
    assert one.same.startswith(start)
    assert not (one.other and other.other and one.other[0] == other.other[0])
