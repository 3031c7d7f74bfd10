"""When a character speaks first (A19). Pure: times come from the log, so that every process finds the same moment.

Off unless a channel sets after how many hours of quiet. Never again before a person has answered, never in the quiet hours, at most
so often within 24 hours.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from engine import ids
from engine.resources.channel import ChannelSheet

LATE = timedelta(hours=2)
"""What was missed by more, because nobody was there to do it, is not made up for."""
DAY = timedelta(days=1)


def due_at(sheet: ChannelSheet, heard: datetime | None, spoken: Sequence[datetime]) -> datetime | None:
    """The moment from which on a character may speak first; None where it may not.

    `heard`: when a person last said something there. `spoken`: when characters spoke first, in any order.
    """
    if sheet.idle_h is None or heard is None or sheet.speech != "open" or any(moment > heard for moment in spoken):
        return None
    moment = heard + timedelta(hours=sheet.idle_h)
    latest = sorted(spoken, reverse=True)
    if len(latest) >= sheet.first_a_day:
        moment = max(moment, latest[sheet.first_a_day - 1] + DAY)
    return _awake(moment, sheet)


def is_due(now: datetime, due: datetime | None) -> bool:
    """Whether it is time: not before the moment, and not long after it."""
    return due is not None and due <= now <= due + LATE


def message_id(channel_id: int, due: datetime) -> int:
    """The id that stands in the place of a message: the same in every process that finds this moment."""
    return ids.snowflake_at(due) | (channel_id ^ channel_id >> 22) & 0x3FFFFF


def _awake(moment: datetime, sheet: ChannelSheet) -> datetime:
    """The moment, or the end of the quiet hours it lies in. Hours of UTC; they may go over midnight."""
    begin, end = sheet.quiet_from, sheet.quiet_to
    if begin is None or end is None or begin == end:
        return moment
    hour = moment.astimezone(UTC).hour
    quiet = begin <= hour < end if begin < end else hour >= begin or hour < end
    if not quiet:
        return moment
    opens = moment.astimezone(UTC).replace(hour=end, minute=0, second=0, microsecond=0)
    return opens if opens > moment else opens + DAY
