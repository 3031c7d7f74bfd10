"""Careful looks into JSON that others wrote: a value of the wanted kind, or an empty one."""

import json
import re
from typing import Any

import orjson

MOST = 1e15
MOST_DOCUMENTS = 10_000
"""Objects one behind the other in one text that are looked at."""
_BETWEEN = re.compile(r"(?:[\s,;\x1e]|data:|\\[rn])*+")
"""What stands between two objects of one text; line breaks also as they are escaped."""

_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|,(?=[ \t\r\n]*+[}\]])', re.DOTALL)
"""A string, which is left as it is, or a comma with nothing behind it."""
MOST_MENDED = 256 * 1024
"""Characters of a text in which such commas are looked for."""


def as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def as_str(value: object) -> str:
    return value if isinstance(value, str) else ""


def as_number(value: object) -> float | None:
    """A number that is not negative, not NaN and not without measure; also one written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (not value.isascii() or "_" in value):
        return None  # Python reads digits of all scripts, and 1_000
    try:
        number = float(value[:40] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < MOST else None


def as_status(value: object) -> int | None:
    """A status of HTTP's, also written as text."""
    number = as_number(value)
    return int(number) if number is not None and 100 <= number < 600 else None


def documents(text: str) -> list[dict[str, Any]] | None:
    """The JSON objects of a text: one, a list, one on each line, several one behind the other, or one that was encoded twice.

    What stands behind the last is left out. None when the text holds no JSON.
    """
    text = text.strip(" \t\r\n\ufeff\x1e\x00")
    while text.startswith("data:"):
        text = text[5:].lstrip()
    found = _loads(text)
    if isinstance(found, str):
        found = _loads(found.strip())
    if found is None and text.startswith("[") and (begun := text.lstrip("[ \t\r\n")).startswith("{"):
        found = _several(begun)  # a list without its end
    if found is None and "\n" in text:
        lines = [parsed for line in text.split("\n")[:100_000] if (parsed := _loads(line.strip().removeprefix("data:").strip()))]
        found = lines or None
    if found is None and text.startswith("{"):
        found = _several(text)
    if isinstance(found, list):
        return [entry for entry in found if isinstance(entry, dict)]
    return [found] if isinstance(found, dict) else None


def _loads(text: str) -> object:
    """What the text means as JSON; None when it is none."""
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        pass
    if not text.startswith(("{", "[", '"')):
        return None
    # Half of a surrogate pair, NaN, line breaks within a string, numbers beyond measure: Python's own parser is more patient.
    try:
        return _LENIENT.decode(text)
    except (ValueError, RecursionError):
        return _without_commas(text)


def _without_commas(text: str) -> object:
    """What the text means without commas behind the last entry of a list or object; None when it is no JSON then either."""
    if len(text) > MOST_MENDED or (mended := _COMMA.sub(lambda found: found[0] if found[0] != "," else "", text)) == text:
        return None
    try:
        return _LENIENT.decode(mended)
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else float("inf")


_LENIENT = json.JSONDecoder(strict=False, parse_int=_integer)


def _several(text: str) -> list[object] | None:
    """The objects a text begins with; None when it begins with none."""
    found: list[object] = []
    at = 0
    while text.startswith("{", at) and len(found) < MOST_DOCUMENTS:
        try:
            document, at = _LENIENT.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        found.append(document)
        between = _BETWEEN.match(text, at)
        at = between.end() if between else at
    return found or None
