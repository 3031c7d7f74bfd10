"""Read a JSON document as large as a whole history without keeping the process from its other work. Pure, for a thread.

A parser lets no other thread work until it is done: with a hundred megabytes that is a second. So lists are parsed item by item.
"""

import json
import re
from typing import Any

from engine.cards import trees

_DECODER = json.JSONDecoder(parse_int=trees.whole, parse_float=trees.fraction, parse_constant=str, strict=False)
_SPACE = re.compile(r"[ \t\r\n]*")


def json_in_pieces(raw: bytes) -> Any:
    """The value of the document. A list at its top, or in an object there, is taken item by item. Raises ValueError, Unreadable."""
    text = trees.text_of(raw)
    value, at = _value(text, _next(text, 0), below=1)
    if at != len(text):
        raise ValueError("something stands behind the document")
    return value


def _next(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, below: int) -> tuple[Any, int]:
    """A value, and where what follows it begins. `below`: in so many levels of objects lists are looked for."""
    if text.startswith("[", at):
        return _list(text, at)
    if below and text.startswith("{", at):
        return _object(text, at, below)
    value, at = _DECODER.raw_decode(text, at)
    return trees.bounded(value), _next(text, at)


def _list(text: str, at: int) -> tuple[list[Any], int]:
    found, at = list[Any](), _next(text, at + 1)
    if text.startswith("]", at):
        return found, _next(text, at + 1)
    while True:
        value, at = _DECODER.raw_decode(text, at)
        found.append(trees.bounded(value))
        at, ended = _mark(text, _next(text, at), "]")
        if ended:
            return found, at


def _object(text: str, at: int, below: int) -> tuple[dict[str, Any], int]:
    found, at = dict[str, Any](), _next(text, at + 1)
    if text.startswith("}", at):
        return found, _next(text, at + 1)
    while True:
        name, at = _DECODER.raw_decode(text, at)
        at = _next(text, at)
        if not isinstance(name, str) or not text.startswith(":", at):
            raise ValueError("a name and a colon are missing")
        found[name], at = _value(text, _next(text, at + 1), below - 1)
        at, ended = _mark(text, at, "}")
        if ended:
            return found, at


def _mark(text: str, at: int, end: str) -> tuple[int, bool]:
    """Where what follows a comma, or the end, begins, and whether it was the end."""
    if text.startswith(end, at):
        return _next(text, at + 1), True
    if not text.startswith(",", at):
        raise ValueError("a comma is missing")
    return _next(text, at + 1), False
