"""What is said of a channel's conversation, on Discord and at the command line."""

from datetime import UTC, datetime

from bot.history import sentence
from projections.models.history import ChannelStats


def test_a_terminal_is_shown_a_day_and_no_markup() -> None:
    """Discord's own timestamps and bold text mean something on Discord only."""
    found = ChannelStats(messages=3, replies=2, people=1, first=datetime(2026, 11, 28, 14, tzinfo=UTC), last=None, hidden=0)
    assert sentence(found, plain=True) == "3 messages of 1 person and 2 replies since 2026-11-28. Characters may see all of it."
    assert "<t:" in sentence(found)
