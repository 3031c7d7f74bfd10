"""The picture of who talks with whom."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from bot.console.pages.relationship_graph import graph
from projections.models.memories.relationships import Relationship
from tests.support.examples import examples

AT = datetime(2026, 3, 1, tzinfo=UTC)
CAST = st.integers(1, 9).map(lambda number: UUID(int=number))
PAIRS = st.lists(st.builds(Relationship, st.integers(1, 9), CAST, st.integers(0, 10**9), st.just(AT), st.just(0)), max_size=40)


@examples(60)
@given(PAIRS)
def test_everybody_stands_once_inside_the_picture(pairs: list[Relationship]) -> None:
    """A line ends at the heights of two names, and none is thicker than a row is high."""
    people, cast = {pair.person: f"P{pair.person}" for pair in pairs}, {pair.character: "C" * 90 for pair in pairs}
    made = graph(pairs, people, cast)
    assert (len(made.people), len(made.characters), len(made.lines)) == (len(people), len(cast), len(pairs))
    heights = [node.y for node in (*made.people, *made.characters)]
    assert all(0 < y < made.height for y in heights)
    for line in made.lines:
        assert {line.y1, line.y2} <= set(heights)
        assert 1 <= line.thick < 34
