"""What strangers send that programs break on, by name, and how to put it into anything: JSON, forms, files, arguments. Pure."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

LONG = 1_000_000
TEXTS: Mapping[str, str] = {
    "NUL": "a\x00b",
    "half of a pair": "a\ud800b",
    "1 MB": "x" * LONG,
    "5,000 digits": "9" * 5_000,
    "digits of another script": "²٣",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "turned round": "\u202eevil\u2066",
    "tags nobody sees": "a\U000e0041\U000e0042\U000e007f",
    "terminal": "\x1b[31m\x9b2J\x07",
    "blank": " \u200b\u3164 ",
    "markup": "<script>alert(1)</script>{{7*7}}[/b]%s%n'\";--",
}
"""Strings."""
VALUES: Mapping[str, object] = {
    "null": None,
    "huge integer": 10**30,
    "huge float": 1e308,
    "minus": -1,
    "list": [],
    "object": {},
    "true": True,
    "list in list": [[[]]],
}
"""Values of another type than was meant."""


def deep(levels: int = 100_000) -> bytes:
    """JSON without an end, downwards."""
    return b"[" * levels


def raw(value: object) -> list[bytes]:
    """Texts that are JSON for some readers only: a key twice, NaN, a number of 5,000 digits, a NUL, bytes that are no UTF-8."""
    good = json.dumps(value).encode()
    return [
        b'{"name":"a","name":"b",' + good[1:] if good[:1] == b"{" and len(good) > 2 else good,
        good.replace(b'"', b'"\x00', 1),
        good[:-1] + b',"more":NaN}' if good[:1] == b"{" and len(good) > 2 else b"NaN",
        good[:-1] + b',"more":' + b"9" * 5_000 + b"}" if good[:1] == b"{" and len(good) > 2 else b"9" * 5_000,
        good + b"\xff\xfe\xc3(",
        good[: len(good) // 2],
        b"\xef\xbb\xbf" + good,
        deep(),
        b'{"a":' * 50_000,
        b"",
    ]


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every leaf and of everything above it."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def put(value: Any, path: tuple[str | int, ...], poison: object) -> Any:
    """The value with something else at one place."""
    made = copy.deepcopy(value)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = poison
    return made


def without(value: Any, path: tuple[str | int, ...]) -> Any:
    """The value without what stands at one place."""
    made = copy.deepcopy(value)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return made


def everywhere(value: object, poison: str) -> object:
    """The value with every string in it poisoned; numbers and ids stay."""
    match value:
        case dict():
            return {name: everywhere(inner, poison) for name, inner in value.items()}
        case list():
            return [everywhere(inner, poison) for inner in value]
        case str() if not value.isdigit():
            return value + poison
        case _:
            return value
