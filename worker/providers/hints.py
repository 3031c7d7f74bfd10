"""When a provider wants to hear from us again: in headers, in fields of an error, or in its words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from engine import clock
from worker.providers.shapes import as_dict, as_number, as_str

LONGEST = 24 * 3600.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_LENGTH = re.compile(
    r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|milli(?:second)?s?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])", re.IGNORECASE
)
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[smhd])){1,5}\Z")
_SAID = re.compile(r"(?:try again|retry|wait|available again|resets?|come back)[^\d\n]{0,40}(?=\d)", re.IGNORECASE)
_CLOCK = re.compile(r"(?:retry|wait|again|resets?)[^\d\n]{0,30}(\d{1,2}:\d\d:\d\d)(?![\d:])", re.IGNORECASE)
_MOMENT = re.compile(r"(?:retry|wait|again|resets?|until)[^\d\n]{0,30}(\d{4}-\d\d-\d\dT[\d:.]{5,15}(?:Z|[+-]\d\d:\d\d))", re.IGNORECASE)
_ALONE = re.compile(r"(?:retry after|again in|again after|wait)[: ]{1,3}(\d{1,6}(?:\.\d{1,6})?)\s{0,3}(?:[.;,)]|\Z)", re.IGNORECASE)
"""Seconds without a unit."""
_OTHERS = re.compile(r"(\d{1,6})\s{0,3}(?:秒|초|Sekunden?|secondes|segundos|secondi|секунд)", re.IGNORECASE)
_ISO = re.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,6}(?:\.\d{1,9})?)S)?\Z")
_HANDS = re.compile(r"(\d{1,2}):(\d\d):(\d\d)\Z")
_LIMIT = re.compile(r"(?:remaining|\br)\s{0,3}=\s{0,3}0\b.{0,200}?(?:reset|\bt)\s{0,3}=\s{0,3}(\d{1,6})", re.IGNORECASE)
"""The one header of all limits, of both its drafts."""
_MILLISECONDS = ("retry_after_ms", "retryAfterMs", "retry-after-ms")
_SECONDS = (
    *("retry_after", "retryAfter", "retry_after_seconds", "retryAfterSeconds", "retry-after", "retry_delay", "retryDelay"),
    *("estimated_time", "wait_time", "reset_in", "resets_in", "resets_in_seconds"),
)
_MOMENTS = ("reset_at", "resets_at", "resetAt", "reset_time", "retry_at")


def bounded(seconds: float | None) -> float | None:
    """Within a day, and not in the past; None stays None."""
    return None if seconds is None else min(max(seconds, 0.0), LONGEST)


def of_headers(headers: Mapping[str, str]) -> float | None:
    """Seconds by Retry-After (RFC 9110, 10.2.3), its forms in milliseconds, or a rate limit's reset; None when no header says."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (milliseconds := as_number(headers.get(name))) is not None:
            return bounded(milliseconds / 1000)
    names = ("retry-after", "x-retry-after", "retry-after-seconds", "x-ratelimit-reset-after", "x-rate-limit-reset-after")
    seconds = next((found for name in names if (found := of_value(headers.get(name))) is not None), None)
    for name in ("x-ratelimit-reset", "x-rate-limit-reset"):
        seconds = seconds if seconds is not None else _moment(as_number(headers.get(name)))
    if seconds is None and (limit := _LIMIT.search(headers.get("ratelimit", "")[:400])):
        seconds = float(limit[1])
    if seconds is None:
        waits = [of_value(headers.get(name)) for name in _exhausted(headers)]
        seconds = max((wait for wait in waits if wait is not None), default=None)
    return bounded(seconds)


def _exhausted(headers: Mapping[str, str]) -> list[str]:
    """Headers that say when a limit starts anew of which nothing is left."""
    known = [(f"x-ratelimit-remaining-{what}", f"x-ratelimit-reset-{what}") for what in ("requests", "tokens")]
    known += [("ratelimit-remaining", "ratelimit-reset")]
    counted = ("requests", "tokens", "input-tokens", "output-tokens")
    known += [(f"anthropic-ratelimit-{what}-remaining", f"anthropic-ratelimit-{what}-reset") for what in counted]
    return [reset for remaining, reset in known if as_number(left := headers.get(remaining, "1")) == 0 or left.strip().startswith("-")]


def of_fields(error: Mapping[str, Any]) -> float | None:
    """Seconds by the fields of one level of an error; None when none says."""
    told = {str(name).lower(): value for name, value in as_dict(error.get("headers")).items() if isinstance(value, str | int | float)}
    for name in _MILLISECONDS:
        if (milliseconds := as_number(error.get(name))) is not None:
            return bounded(milliseconds / 1000)
    for name in (*_SECONDS, *_MOMENTS):
        value = error.get(name)
        if isinstance(value, dict):
            value = value.get("seconds")
        seconds = _moment(as_number(value)) if name in _MOMENTS and as_number(value) is not None else of_value(value)
        if seconds is not None:
            return bounded(seconds)
    available = as_dict(error.get("availability"))
    if available:
        return bounded(of_value(available.get("retry_after")))
    return of_headers({name: str(value) for name, value in told.items()}) if told else None


def of_words(message: str) -> float | None:
    """Seconds by a sentence such as "Please try again in 1m30s"; None when it says none."""
    for said in _SAID.finditer(message[:2000]):
        total, at = None, said.end()
        while found := _LENGTH.match(message, at):
            total = (total or 0.0) + float(found[1]) * _unit(found[2])
            at = found.end()
            at += len(message[at : at + 5]) - len(message[at : at + 5].lstrip(" ,and"))
        if total is not None:
            return bounded(total)
    for pattern in (_CLOCK, _MOMENT, _ALONE, _OTHERS):
        if (found := pattern.search(message[:2000])) and (seconds := of_value(found[1])) is not None:
            return bounded(seconds)
    return None


def _unit(word: str) -> float:
    lower = word.lower()
    return _UNITS["ms"] if lower.startswith(("ms", "milli")) else _UNITS[lower[0]]


def of_value(value: object) -> float | None:
    """Seconds by a number, a duration ("6m0s", "12ms"), or a date in HTTP's form or ISO's; None for anything else."""
    number = as_number(value)
    if number is not None or not isinstance(value, str):
        return _until_then(number)
    text = as_str(value).strip(' \t"')[:80]
    head = re.split("[,;]", text, maxsplit=1)[0].strip(' "')
    if (first := as_number(head)) is not None:  # a proxy added its own behind
        return _until_then(first)
    if _DURATION.match(text):
        return sum(float(amount) * _unit(unit) for amount, unit in _amounts(text))
    if length := _LENGTH.fullmatch(text):
        return float(length[1]) * _unit(length[2])
    if (parts := _ISO.match(text) or _HANDS.match(text)) and any(parts.groups()):
        hours, minutes, seconds = (float(part or 0) for part in parts.groups())
        return hours * 3600 + minutes * 60 + seconds
    return _until(text)


def _until_then(number: float | None) -> float | None:
    """A number of seconds; one that is no duration is a moment in Unix time."""
    return _moment(number) if number is not None and number > 1e9 else number


def _amounts(text: str) -> list[tuple[str, str]]:
    return re.findall(r"(\d{1,9}(?:\.\d{1,9})?)(ms|[smhd])", text)


def _until(text: str) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
            return (moment.replace(tzinfo=moment.tzinfo or UTC) - clock.now().astimezone(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def _moment(number: float | None) -> float | None:
    """Seconds until a rate limit's reset: a small number is a duration, a larger one a moment in Unix seconds or milliseconds."""
    if number is None or number < 10_000_000:
        return number
    return number / (1000 if number > 10_000_000_000 else 1) - clock.now().timestamp()
