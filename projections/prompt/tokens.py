"""How long a prompt is. Without every model's own vocabulary the count is an upper estimate, made on the final text."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_KINDS = bytes(97 if chr(b).isalpha() else 32 if chr(b) in " \t" else 46 for b in range(128)) + bytes(128)
"""Of each byte of ASCII: `a` a letter, a blank, `.` a digit or sign."""
_LONG = re.compile(r"[\u0800-\U0010ffff]")
PER_MESSAGE = 8
"""What role and separators of one message cost at most."""


_TILE = 512


def of_picture(width: int, height: int) -> int:
    """The most that any of the large vendors counts for a picture of so many pixels: by area, by tiles, or the same for all."""
    tiles = -(-width // _TILE) * -(-height // _TILE)
    return max(width * height // 750 + 1, 85 + 170 * tiles, 258)


def of_tools(body: Mapping[str, object]) -> int:
    """What the tools that a request offers add to its prompt."""
    return count(str(body["tools"])) if "tools" in body else 0


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
    if text.isascii():
        return _of_ascii(text.encode())
    # What is not ASCII comes as a question mark: it ends a run of letters and is one token, as it should be up to U+07FF.
    return _of_ascii(text.encode("ascii", "replace")) + len(_LONG.findall(text))


def _of_ascii(text: bytes) -> int:
    """Replacing and counting bytes runs in C, without an object for each token."""
    kinds = text.translate(_KINDS)
    rest = kinds.replace(b"aaaa", b"t").replace(b"aaa", b"t").replace(b"aa", b"t")
    return rest.count(b"t") + rest.count(b"a") + rest.count(b".") + rest.count(b"        ")
