"""Times that a text speaks of, as spans of seconds since 1970. Pure; English words, ISO dates for everyone.

"last week" in a message of 8 May speaks of 1-7 May: the message answers "what happened in the first week of May", though it says neither.
"""

import calendar
import re
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import re2

DAY: Final = 86400.0
_CALENDARS: Final = (calendar.month_name, calendar.month_abbr)
_MONTHS: Final = {name.lower(): i for names in _CALENDARS for i, name in enumerate(names) if name} | {"sept": 9}
_DAYS: Final = {name.lower(): i for i, name in enumerate(calendar.day_name)}
_COUNTED: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS: Final = {word: i for i, word in enumerate(_COUNTED)} | {"a": 1, "an": 1}
_UNITS: Final = {"day": 1, "week": 7, "weekend": 7, "month": 30, "year": 365}

_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE: Final = re.compile(
    rf"\b(?:(?P<before>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?(?P<month>{_MONTH})\b\.?"
    rf"(?:\s+(?P<after>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*:))?(?:,?\s+(?P<year>(?:19|20)\d\d)\b)?",
    re.IGNORECASE,
)
_ISO: Final = re.compile(r"\b((?:19|20)\d\d)-(\d{1,2})(?:-(\d{1,2}))?\b")
_YEAR: Final = re.compile(r"\b((?:19|20)\d\d)\b(?!-)")
_RELATIVE: Final = re.compile(
    r"\b(?:(?P<near>yesterday|today|tonight|tomorrow|this morning|last night)"
    r"|(?P<side>last|this|next|past|coming)\s+(?P<what>day|weekend|week|month|year|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r"|(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\s+(?P<unit>day|weekend|week|month|year)s?\s+ago)\b",
    re.IGNORECASE,
)
_BETWEEN: Final = re2.compile(r"(?i)\b(?:between|from)\b.+\b(?:and|to|until)\b")
_AMBIGUOUS: Final = {"may", "mar", "sun", "jun", "march", "dec", "sat"}
_LED: Final = re.compile(
    r"\b(?:in|on|of|during|since|until|till|late|early|mid|last|next|this|by|before|after|around)[\s-]+$", re.IGNORECASE
)


_WRITTEN: Final = re.compile(r"[^\W_]")
"""A letter or digit: without one (emoji, dots) there is no time to look for."""


class TimeRange(NamedTuple):
    """From `start` up to, not including, `end`; seconds since 1970, UTC."""

    start: float
    end: float


def _span(start: datetime, days: float) -> TimeRange:
    stamp = start.timestamp()
    return TimeRange(stamp, stamp + days * DAY)


def _calendar(year: int, month: int, day: int | None, anchor: datetime) -> TimeRange | None:
    try:
        start = datetime(year, month, day or 1, tzinfo=anchor.tzinfo)
    except ValueError:
        return None
    return _span(start, 1 if day else calendar.monthrange(year, month)[1])


def _dated(match: re.Match[str], text: str, anchor: datetime) -> TimeRange | None:
    month, day = match["month"].lower(), match["after"] or match["before"]
    if month in _AMBIGUOUS and not day and not match["year"] and not (match["month"][0].isupper() and _LED.search(text[: match.start()])):
        return None
    number = _MONTHS[month]
    year = int(match["year"]) if match["year"] else anchor.year - (1 if number > anchor.month + 2 else 0)
    return _calendar(year, number, int(day) if day else None, anchor)


def _relative(match: re.Match[str], anchor: datetime) -> TimeRange:
    today = anchor.replace(hour=0, minute=0, second=0, microsecond=0)
    if near := match["near"]:
        shift = {"yesterday": -1, "last night": -1, "tomorrow": 1}.get(near.lower(), 0)
        return _span(today + timedelta(days=shift), 1)
    if unit := match["unit"]:
        number = int(match["count"]) if match["count"].isdigit() else _NUMBERS[match["count"].lower()]
        days = _UNITS[unit.lower()]
        return _span(today - timedelta(days=min(number * days, 36500) + days // 2), max(days, 1))
    what, side = match["what"].lower(), match["side"].lower()
    if what in _DAYS:
        ahead = side in ("next", "coming")
        gap = (_DAYS[what] - today.weekday()) % 7 if ahead else -((today.weekday() - _DAYS[what]) % 7 or 7)
        return _span(today + timedelta(days=gap), 1)
    days = _UNITS[what]
    shift = {"last": -days, "past": -days, "next": 1, "coming": 1}.get(side, -days // 2)
    return _span(today + timedelta(days=shift), days)


def spans(text: str, anchor: datetime | None) -> list[TimeRange]:
    """The times a text names. Without an anchor (the time it was said) only full dates and years can be told."""
    if not _WRITTEN.search(text):
        return []
    found: list[TimeRange | None] = []
    base = anchor or datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    taken: list[tuple[int, int]] = []
    years = {match["year"] for match in _DATE.finditer(text) if match["year"]}
    if len(years) == 1:  # "between August 11 and August 15 2023": the year is said once and meant twice
        base = base.replace(year=int(min(years)), month=12, day=28)
    for match in _ISO.finditer(text):
        taken.append(match.span())
        found.append(_calendar(int(match[1]), int(match[2]), int(match[3]) if match[3] else None, base))
    for match in _DATE.finditer(text):
        if anchor or years:
            taken.append(match.span())
            found.append(_dated(match, text, base))
    bare = [match for match in _YEAR.finditer(text) if not any(a <= match.start() < b for a, b in taken)]
    found.extend(_span(datetime(int(match[1]), 1, 1, tzinfo=base.tzinfo), 366) for match in bare)
    if anchor:
        found.extend(_relative(match, anchor) for match in _RELATIVE.finditer(text))
    named = [span for span in found if span]
    if len(named) == 2 and _BETWEEN.search(text):
        return [TimeRange(min(a.start for a in named), max(a.end for a in named))]
    return named


def mentions(text: str) -> bool:
    """Whether a text says when something happened."""
    if not _WRITTEN.search(text):
        return False
    if _RELATIVE.search(text) or _ISO.search(text) or _YEAR.search(text):
        return True
    return any(match["after"] or match["before"] for match in _DATE.finditer(text))
