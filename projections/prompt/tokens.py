"""How long a prompt is. Without every model's own vocabulary the count is an upper estimate, made on the final text."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# One match is one token. Matching in C is what makes counting a whole window cheap.
_ASCII = re.compile(r"[A-Za-z]{1,4}|[ \t]{8}|[^A-Za-z \t\u0080-\U0010ffff]")
_SHORT = re.compile(r"[\u0080-\u07ff]")
_LONG = re.compile(r"[\u0800-\U0010ffff]")
PER_MESSAGE = 8
"""What role and separators of one message cost at most."""


_TILE = 512


def of_picture(width: int, height: int) -> int:
    """The most that any of the large vendors counts for a picture of so many pixels: by area, by tiles, or the same for all."""
    tiles = -(-width // _TILE) * -(-height // _TILE)
    return max(width * height // 750 + 1, 85 + 170 * tiles, 258)


_COUNTED: ContextVar[dict[str, int] | None] = ContextVar("counted", default=None)


@contextmanager
def counted_once() -> Iterator[None]:
    """Within the block the same text is counted once. What was counted is forgotten at its end: it holds people's words."""
    token = _COUNTED.set({})
    try:
        yield
    finally:
        _COUNTED.reset(token)


def count(text: str) -> int:
    """An upper estimate: four letters a token, eight blanks, one digit or sign; other scripts one or two tokens a character."""
    if (counted := _COUNTED.get()) is None:
        return _count(text)
    if (known := counted.get(text)) is None:
        known = counted[text] = _count(text)
    return known


def _count(text: str) -> int:
    found = len(_ASCII.findall(text))
    return found if text.isascii() else found + len(_SHORT.findall(text)) + 2 * len(_LONG.findall(text))
