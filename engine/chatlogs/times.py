"""When something was said, in the ways programs write it."""

import re
from datetime import UTC, datetime

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_SPOKEN = re.compile(r"\A([A-Za-z]+) (\d{1,2}), (\d{4}),? (\d{1,2}):(\d{2})(?::(\d{2}))? ?([ap])m", re.IGNORECASE)
_OLD = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}) ?@ ?(\d{1,2})h ?(\d{1,2})m ?(\d{1,2})s(?: ?(\d{1,3})ms)?")


def moment(value: object) -> datetime | None:
    """A time in UTC: ISO, `May 3, 2024 4:05pm`, `2024-5-3 @16h 05m 09s 123ms`, or seconds or milliseconds since 1970. None for others."""
    try:
        if isinstance(value, str) and value.strip().isascii():
            return _of_text(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) > 1e11 else float(value)
            return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _of_text(text: str) -> datetime | None:
    if text.isascii() and text.isdigit() and len(text) < 16:
        return moment(int(text))
    if found := _SPOKEN.fullmatch(text):
        hour = int(found[4]) % 12 + (12 if found[7].lower() == "p" else 0)
        return datetime(
            int(found[3]), _MONTHS.index(found[1].lower()) + 1, int(found[2]), hour, int(found[5]), int(found[6] or 0), tzinfo=UTC
        )
    if found := _OLD.fullmatch(text):
        parts = [int(part or 0) for part in found.groups()]
        year, month, day, hour, minute, second, thousandths = parts
        return datetime(year, month, day, hour, minute, second, thousandths * 1000, tzinfo=UTC)
    made = datetime.fromisoformat(text)
    return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)
