"""What of a channel is owed: nothing noted is forgotten, however it is put together."""

from hypothesis import given
from hypothesis import strategies as st

from bot.discord import gaps
from bot.discord.gaps import Gap, Recent

IDS = st.integers(1, 50)
GAPS = st.builds(Gap, st.booleans(), st.none() | IDS, st.sets(IDS), st.sets(IDS))


@given(GAPS, GAPS)
def test_a_sum_owes_what_each_part_owes(one: Gap, other: Gap) -> None:
    """The earliest message dropped, every id, and the absence."""
    earliest = min((g.dropped for g in (one, other) if g.dropped is not None), default=None)
    gone, touched, away = one.gone | other.gone, one.touched | other.touched, one.away or other.away
    one.add(other)
    assert one == Gap(away, earliest, gone, touched)


def test_more_ids_than_are_held_mean_a_look_at_the_whole_channel() -> None:
    """Under any pressure the memory is bounded, and what does not fit is still looked for."""
    gap = Gap()
    for number in range(gaps.MOST_IDS + 1):
        gap.delete(number)
    assert (len(gap.gone), gap.away) == (gaps.MOST_IDS, True)


def test_recent_ids_are_bounded() -> None:
    """The oldest are forgotten first."""
    recent = Recent(2)
    for number in (1, 2, 2, 3):
        recent.add(number)
    assert [number in recent for number in (1, 2, 3)] == [False, True, True]
