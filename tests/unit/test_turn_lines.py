"""Quota hits summed for people who look after the bot. Pure."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.turn_lines import quota_markdown, summed
from engine.decide.spending.quota import Hit
from engine.fault import Category
from tests.support.examples import examples

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@examples(60)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 9_000), st.integers(-60, 60)), max_size=20))
def test_counts_are_those_of_a_recount(drawn: list[tuple[str, str, int, int]]) -> None:
    """An hour's hits are among a day's, those among a week's; a model is named as closed only until its reset."""
    hits = [
        Hit(scope, model, Category.QUOTA_EXCEEDED, NOW - timedelta(minutes=ago, seconds=1), NOW + timedelta(minutes=left, seconds=1))
        for scope, model, ago, left in sorted(drawn, key=lambda one: -one[2])
    ]
    lines = summed(hits, NOW)
    for line in lines:
        ours = [hit for hit in hits if (hit.scope, hit.model) == (line.scope, line.model)]
        spans = (timedelta(hours=1), timedelta(days=1), timedelta(days=7))
        assert line.counts == tuple(sum(NOW - hit.at < span for hit in ours) for span in spans)
        assert line.until == (max(hit.reset for hit in ours) if max(hit.reset for hit in ours) > NOW else None)
    assert len(lines) == len({(hit.scope, hit.model) for hit in hits})
    assert quota_markdown(lines)
