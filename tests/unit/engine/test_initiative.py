"""When a character speaks first, and when it says nothing (A17, A19)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ids
from engine.decide.speaking import silence
from engine.decide.speaking.initiative import DAY, LATE, due_at, is_due, message_id
from engine.resources.channel import AS_IT_COMES, ChannelSheet
from tests.support.examples import examples

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOURS = st.one_of(st.none(), st.integers(0, 23))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def sheet(**more: object) -> ChannelSheet:
    return ChannelSheet.model_validate({"idle_h": 3.0} | more)


@pytest.mark.parametrize(
    ("held", "heard", "spoken", "found"),
    [
        (AS_IT_COMES, NOON, (), None),
        (sheet(), None, (), None),
        (sheet(speech="called"), NOON, (), None),
        (sheet(), NOON, (), NOON + timedelta(hours=3)),
        (sheet(), NOON, (NOON + timedelta(hours=3),), None),
        (sheet(), NOON, (NOON - timedelta(hours=4),), NOON + timedelta(hours=20)),
        (sheet(first_a_day=2), NOON, (NOON - timedelta(hours=4),), NOON + timedelta(hours=3)),
        (sheet(quiet_from=14, quiet_to=20), NOON, (), NOON + timedelta(hours=8)),
        (sheet(quiet_from=14, quiet_to=2), NOON, (), NOON + timedelta(hours=14)),
        (sheet(quiet_from=16, quiet_to=2), NOON, (), NOON + timedelta(hours=3)),
        (sheet(quiet_from=5, quiet_to=5), NOON, (), NOON + timedelta(hours=3)),
        (sheet(quiet_from=5), NOON, (), NOON + timedelta(hours=3)),
    ],
)
def test_the_first_moment_at_which_it_may(
    held: ChannelSheet, heard: datetime | None, spoken: tuple[datetime, ...], found: datetime | None
) -> None:
    """Off by default; not where nobody spoke; not again before an answer; so often a day; not in quiet hours, also over midnight."""
    assert due_at(held, heard, spoken) == found


@examples(60)
@given(MOMENTS, st.lists(MOMENTS, max_size=5), HOURS, HOURS, st.floats(0.5, 336), st.integers(1, 10))
def test_it_never_breaks_a_rule_of_the_channel(
    heard: datetime, spoken: list[datetime], begin: int | None, end: int | None, idle: float, most: int
) -> None:
    """Whatever the times are: idle long enough, an answer since the last time, the day's number kept, awake."""
    found = due_at(sheet(idle_h=idle, first_a_day=most, quiet_from=begin, quiet_to=end), heard, spoken)
    if any(moment > heard for moment in spoken):
        assert found is None
        return
    assert found is not None
    assert found >= heard + timedelta(hours=idle)
    assert sum(found - DAY < moment <= found for moment in spoken) < most
    if begin is not None and end is not None and begin != end:
        assert found.hour not in {hour % 24 for hour in range(begin, end if end > begin else end + 24)}
    assert not is_due(found - timedelta(seconds=1), found)
    assert is_due(found, found)
    assert not is_due(found + LATE + timedelta(seconds=1), found)
    made = message_id(1_350_000_000_000_000_001, found)
    assert abs((ids.snowflake_time(made) - found).total_seconds()) < 0.01


@given(st.text(max_size=40))
def test_only_the_token_alone_is_silence(text: str) -> None:
    """A text that merely has it in it is said; what may still become it is not shown yet."""
    assert silence.chosen(f" {silence.TOKEN}\n")
    assert silence.chosen(f"{text}{silence.TOKEN}") == (not text.strip())
    assert all(silence.begins(silence.TOKEN[:n]) for n in range(len(silence.TOKEN) + 1))
    assert not silence.begins(f"{silence.TOKEN}{text}x")
