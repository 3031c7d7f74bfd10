"""Times a text names, as spans."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.memory.times import DAY, mentions, spans

MONDAY = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


def days(text: str, anchor: datetime | None = MONDAY) -> list[tuple[date, int]]:
    return [(datetime.fromtimestamp(s.start, UTC).date(), round((s.end - s.start) / DAY)) for s in spans(text, anchor)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I went yesterday", [(date(2023, 5, 7), 1)]),
        ("last week we saw it", [(date(2023, 5, 1), 7)]),
        ("last Friday", [(date(2023, 5, 5), 1)]),
        ("next Monday", [(date(2023, 5, 8), 1)]),
        ("two weeks ago", [(date(2023, 4, 21), 7)]),
        ("in May 2023", [(date(2023, 5, 1), 31)]),
        ("on 7 May, 2023", [(date(2023, 5, 7), 1)]),
        ("on May 3rd", [(date(2023, 5, 3), 1)]),
        ("in December", [(date(2022, 12, 1), 31)]),
        ("between August 11 and August 15 2022", [(date(2022, 8, 11), 5)]),
        ("2021-03-04", [(date(2021, 3, 4), 1)]),
        ("back in 1999", [(date(1999, 1, 1), 366)]),
        ("May I ask you to march on?", []),
        ("31 February 2023", []),
        ("nothing at all", []),
    ],
)
def test_times_are_read_against_the_moment_of_speaking(text: str, expected: list[tuple[date, int]]) -> None:
    """Relative words count back from the message; a month without a year is the latest one."""
    assert days(text) == expected


def test_without_a_moment_only_full_dates_can_be_told() -> None:
    """ "Yesterday" of nobody knows when is nothing."""
    assert days("yesterday, on 3 May, and on 4 May 2020", None) == [(date(2020, 5, 3), 1), (date(2020, 5, 4), 1)]
    assert days("yesterday, and on 3 May", None) == []


@given(st.text(), st.integers(600_000_000, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC)))
def test_any_text_gives_forward_spans(text: str, anchor: datetime) -> None:
    """Spans never end before they begin."""
    assert all(span.start < span.end for span in spans(text, anchor))


@given(st.dates(date(1990, 1, 1), date(2080, 12, 31)))
def test_every_full_date_is_its_own_day(day: date) -> None:
    """A date written out is that day, whenever it is read."""
    written = f"on {day:%d %B %Y}"
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert [(s.start, s.end) for s in spans(written, MONDAY)] == [(midnight.timestamp(), (midnight + timedelta(days=1)).timestamp())]
    assert mentions(written)


@given(st.integers(1, 999))
def test_a_count_of_days_ago_is_that_day(count: int) -> None:
    """ "N days ago" is one day, N days before midnight."""
    (span,) = spans(f"{count} days ago", MONDAY)
    assert span.start == (MONDAY.replace(hour=0, minute=0) - timedelta(days=count)).timestamp()
