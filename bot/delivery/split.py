"""Cutting an answer into messages of at most 2000 characters (A6). Pure.

Lengths are UTF-16 units, the stricter of the two ways Discord is known to count: what fits so fits either way.
A cut prefers the end of a paragraph, then of a line, of a sentence, of a word. A code fence that is open at a cut is closed
there and opened again with its language; apart from that repair the pieces joined are the text.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

LIMIT = 2000
FENCE = "```"
_FENCE = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"[\w+.#-]{0,20}\n")
_PARAGRAPH = re.compile(r"\n[ \t]*\n+")
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(r"[.!?…。！？]+[\"'”’)\]*_~]*\s+|[。！？]")
_WORD = re.compile(r"\s+")
_FLAGS = re.compile("[\U0001f1e6-\U0001f1ff]*$")
_EARLIEST = 0.25
"""A better kind of cut is not taken when it would leave a piece shorter than this part of what fits."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One message: `opening + body + closing`. The bodies joined are the text."""

    body: str
    opening: str = ""
    closing: str = ""

    @property
    def text(self) -> str:
        return self.opening + self.body + self.closing


def length(text: str) -> int:
    """UTF-16 units."""
    return len(text) if text.isascii() else len(text) + sum(c > "\uffff" for c in text)


def split(text: str, limit: int = LIMIT, first: int | None = None) -> list[str]:
    """The messages to send: stripped as Discord strips them, none of them empty. `first` limits the first one further."""
    return [sent for piece in pieces(text, limit, first) if (sent := piece.text.strip())]


def pieces(text: str, limit: int = LIMIT, first: int | None = None) -> Iterator[Piece]:
    """Cut the text into pieces whose `text` is at most `limit` (the first: `first`) long. Limits are at least 64."""
    start, fence = 0, None
    room = limit if first is None else min(first, limit)
    while start < len(text):
        opening = "" if fence is None else f"{FENCE}{fence}\n"
        if length(text[start:]) + length(opening) <= room:
            yield Piece(text[start:], opening)
            return
        end = _cut(text, start, room - length(opening) - len("\n" + FENCE), fence)
        body = text[start:end]
        fence = _fence_after(body, fence)
        yield Piece(body, opening, "" if fence is None else FENCE if body.endswith("\n") else "\n" + FENCE)
        start, room = end, limit


def _cut(text: str, start: int, room: int, fence: str | None) -> int:
    """Where the piece that begins at `start` ends, at most `room` further on."""
    most = _reach(text, start, room)
    least = start + max(1, int((most - start) * _EARLIEST))
    end = next((cut for kind in (_PARAGRAPH, _LINE, _SENTENCE, _WORD) if (cut := _last(kind, text, start, most)) >= least), None)
    if end is None:
        return _between_characters(text, start, most)
    opened = _opened_late(text, start, end, fence)
    return opened if opened > least else end


def _reach(text: str, start: int, room: int) -> int:
    """The furthest index whose distance from `start` is at most `room` UTF-16 units."""
    end = min(len(text), start + room)
    while (over := length(text[start:end]) - room) > 0:
        end -= max(1, over // 2)
    return end


def _last(kind: re.Pattern[str], text: str, start: int, most: int) -> int:
    """End of the last separator of a kind that ends by `most`; -1 without one. The separator stays with the earlier piece."""
    end = -1
    for match in kind.finditer(text, start, most):
        end = match.end()
    return end


def _opened_late(text: str, start: int, end: int, fence: str | None) -> int:
    """Where the fence begins that is open at `end` although it was not at `start`; -1 without one. Cutting before it saves a repair."""
    at = -1
    for match in _FENCE.finditer(text, start, end):
        fence, at = (None, -1) if fence is not None else ("", match.start())
    return at if end - at < (end - start) * _EARLIEST else -1


def _between_characters(text: str, start: int, most: int) -> int:
    """No word ends in time: cut between two characters that a person sees as two, and not inside a run of backticks."""
    for end in range(most, max(start + 1, most - 64), -1):
        if end == len(text) or not _belongs(text, start, end):
            return end
    return max(most, start + 1)


def _belongs(text: str, start: int, end: int) -> bool:
    """Whether the character at `end` is one with, or must not be parted from, the one before it."""
    before, after = text[end - 1], text[end]
    if before == "`" == after or (before == "\r" and after == "\n") or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    if before == "\u200d" or after in "\u200d\ufe0e\ufe0f" or unicodedata.combining(after):
        return True
    half = _FLAGS.search(text, start, end) if _is_flag(after) else None
    return half is not None and len(half.group()) % 2 == 1


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _fence_after(body: str, fence: str | None) -> str | None:
    """Language of the fence that is open after the body ("" without one), or None when none is."""
    for match in _FENCE.finditer(body):
        if fence is not None:
            fence = None
            continue
        language = _LANGUAGE.match(body, match.end())
        fence = language.group().rstrip("\n") if language else ""
    return fence
