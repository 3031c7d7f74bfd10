"""Rows that were read lately are kept whole, found by position and id, and never take more room than they may."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from engine.store.rows import Stored
from engine.store.seen import ROW_BYTES, Seen

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(position: int, size: int = 10) -> Stored:
    """A row with so many bytes of data."""
    no = (None,) * 5
    return Stored(position, UUID(int=position), "s", position, "t", 1, NOW, NOW, None, None, *no, None, b"x" * size, None)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3_000)), max_size=60), st.integers(0, 20_000))
def test_what_is_found_is_what_was_kept_and_fits(rows: list[tuple[int, int]], most: int) -> None:
    """Of the same position it is always the same row."""
    seen, stored = Seen(most), dict[int, Stored]()
    for position, size in rows:
        stored.setdefault(position, row(position, size))
        seen.keep([stored[position]])
    found = seen.at(range(31))
    assert found == [stored[one.position] for one in found]
    assert sum(ROW_BYTES + len(one.data) for one in found) <= most
    assert {position for position in stored if seen.by_id(UUID(int=position)) is not None} == {one.position for one in found}


def test_the_one_used_longest_ago_goes_first() -> None:
    """Being looked at counts as use."""
    seen = Seen(2 * (ROW_BYTES + 10))
    seen.keep([row(1), row(2)])
    seen.at([1])
    seen.keep([row(3)])
    assert [one.position for one in seen.at([1, 2, 3])] == [1, 3]
    assert seen.by_id(UUID(int=2)) is None
