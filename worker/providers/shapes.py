"""Careful looks into JSON that others wrote: a value of the wanted kind, or an empty one."""

import json
from typing import Any

import orjson

MOST = 1e15


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
    """The JSON objects of a text: one, a list of them, one on each line, or one with something behind it. None when it holds no JSON."""
    text = text.strip(" \t\r\n\ufeff\x1e\x00")
    while text.startswith("data:"):
        text = text[5:].lstrip()
    found = _loads(text)
    if found is None and "\n" in text:
        lines = [parsed for line in text.split("\n")[:100_000] if (parsed := _loads(line.strip().removeprefix("data:").strip()))]
        found = lines or None
    if found is None and text.startswith("{"):
        found = _first(text)
    if isinstance(found, list):
        return [entry for entry in found if isinstance(entry, dict)]
    return [found] if isinstance(found, dict) else None


def _loads(text: str) -> object:
    """What the text means as JSON; None when it is none."""
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        pass
    # Half of a surrogate pair, NaN and the like are legal for Python's own parser only.
    if not any(odd in text for odd in ("\\ud", "\\uD", "NaN", "Infinity")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _first(text: str) -> object:
    """The object a text begins with, unless another one follows: then nobody knows which of them is meant."""
    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return None if text[end:].lstrip().startswith(("{", "[")) else found
