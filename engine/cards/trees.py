"""Read JSON and YAML from outside with bounds on size, nesting and number of values, and write JSON without losing a value. Pure."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import orjson
import yaml

from engine.cards.refusal import Unreadable

Tree = dict[str, Any]

MOST_BYTES = 8 * 1024 * 1024
"""Largest JSON that is parsed."""
MOST_VALUES = 150_000
"""Values in one document: each costs memory, however short its text is."""
MOST_DEEP = 100
YAML_BYTES = 256 * 1024
YAML_EVENTS = 20_000
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LONG_NUMBER = re.compile(rb"\d{16}|\d[eE]")
_DIGITS = 4_000
"""Digits of a whole number; longer ones are kept as text, because turning them into numbers costs their square."""


def text_of(raw: bytes) -> str:
    """Decode by its byte order mark, else as UTF-8, else as UTF-16 when every second byte is nothing, else as Windows-1252."""
    if (mark := marked(raw)) is not None:
        return raw.decode(mark, "replace")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = ""
    if text and "\x00" not in text[:4]:
        return text
    return raw.decode(unmarked(raw), "replace")


def marked(raw: bytes) -> str | None:
    """The encoding that a byte order mark at the beginning names."""
    return next((name for start, name in _MARKS if raw.startswith(start)), None)


def unmarked(raw: bytes) -> str:
    """The encoding of a text without a mark that is not UTF-8: its first two bytes tell."""
    if raw[1:2] == b"\x00" or raw[:1] == b"\x00":
        return "utf-16-le" if raw[1:2] == b"\x00" else "utf-16-be"
    return "cp1252"


def json_of(raw: bytes) -> Any:
    """The value of a JSON document. Raises Unreadable: no JSON, too large, too many values, nested too deep."""
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"The card's text is larger than {MOST_BYTES // 2**20} MB, which no card needs.")
    if raw.startswith(tuple(mark for mark, _ in _MARKS)):
        raw = text_of(raw).encode("utf-8", "surrogatepass")
    if max(raw.count(b","), raw.count(b":")) + raw.count(b"[") + raw.count(b"{") > MOST_VALUES:
        raise Unreadable("The card's text holds more values than a card can need.")
    try:
        return bounded(loaded(raw))
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise Unreadable("The file holds no JSON that can be read.") from None


def loaded(raw: bytes) -> Any:
    """Parse without bounds: fast where that loses nothing; long numbers, lone surrogates and NaN take the careful way."""
    if not _LONG_NUMBER.search(raw):
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass
    return json.loads(text_of(raw), parse_int=whole, parse_float=fraction, parse_constant=str, strict=False)


def whole(digits: str) -> int | str:
    """A whole number of a document; one of thousands of digits stays text."""
    return int(digits) if len(digits) <= _DIGITS else digits


def fraction(digits: str) -> float | str:
    """A number with a point; one that is none any more stays text."""
    value = float(digits) if len(digits) <= _DIGITS else math.inf
    return value if math.isfinite(value) else digits


def bounded[T](tree: T) -> T:
    """The same value, when it is nested at most MOST_DEEP. Raises Unreadable."""
    level: list[Any] = [tree]
    for _ in range(MOST_DEEP):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return tree
    raise _too_deep()


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from (inner for inner in value.values() if isinstance(inner, dict | list))
    elif isinstance(value, list):
        yield from (inner for inner in value if isinstance(inner, dict | list))


def _too_deep() -> Unreadable:
    return Unreadable("The card's text is nested deeper than a card can be.")


def yaml_of(raw: bytes) -> Any:
    """The value of a YAML document, every scalar as text. Raises Unreadable, also for aliases, which can stand for gigabytes."""
    if len(raw) > YAML_BYTES:
        raise Unreadable(f"A YAML card may have {YAML_BYTES // 1024} kB.")
    text = text_of(raw)
    try:
        for count, event in enumerate(yaml.parse(text, Loader=yaml.CBaseLoader)):
            if isinstance(event, yaml.AliasEvent):
                raise Unreadable("The YAML repeats parts by reference, which no card needs.")
            if count > YAML_EVENTS:
                raise Unreadable("The YAML holds more values than a card can need.")
        return bounded(yaml.load(text, Loader=yaml.CBaseLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Unreadable("The file holds no YAML that can be read.") from None


def written(tree: Any, *, indent: bool = False) -> bytes:
    """JSON of a value, so that reading it gives an equal one."""
    try:
        return orjson.dumps(tree, option=orjson.OPT_INDENT_2 if indent else 0)
    except (TypeError, orjson.JSONEncodeError):  # a whole number beyond 64 bits, or half of a surrogate pair
        return json.dumps(tree, indent=2 if indent else None).encode()
