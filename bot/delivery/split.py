"""Cutting an answer into messages of at most 2000 characters (A6). Pure.

Lengths are UTF-16 units. Discord's API counts code points, its clients UTF-16 units: what fits by the stricter of both fits either way.
A cut prefers the end of a paragraph, then of a line, of a sentence, of a word. A code fence that is open at a cut is closed
there and opened again with its language; apart from that repair the pieces joined are the text. No cut parts what a person sees as one
character, where there is another place. Every piece is searched once, backwards from its end, so the cost is that of the text's length.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

LIMIT = 2000
FENCE = "```"
_FENCE = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"[\w+.#-]{0,20}\n")
_STOPS = frozenset(".!?…。！？")
_FULL_STOPS = frozenset("。！？")
_CLOSERS = frozenset("\"'”’)]*_~")
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
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def clipped(text: str, most: int) -> str:
    """As much of the beginning as is at most so many UTF-16 units long, no character that a person sees in half."""
    if length(text[: most + 1]) <= most:
        return text
    return text[: _between_characters(text, 0, _reach(text, 0, most))] if most > 1 else ""


def split(text: str, limit: int = LIMIT, first: int | None = None) -> list[str]:
    """The messages to send: stripped as Discord strips them, none of them empty. `first` limits the first one further."""
    return [sent for piece in pieces(text, limit, first) if (sent := piece.text.strip())]


def pieces(text: str, limit: int = LIMIT, first: int | None = None) -> Iterator[Piece]:
    """Cut the text into pieces whose `text` is at most `limit` (the first: `first`) long. Limits are at least 64."""
    start, fence = 0, None
    room = limit if first is None else min(first, limit)
    while start < len(text):
        opening = "" if fence is None else f"{FENCE}{fence}\n"
        if len(text) - start <= room and length(text[start:]) + length(opening) <= room:
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
    end = next((cut for last in (_paragraph, _line, _sentence, _word) if (cut := last(text, start, most)) >= least), None)
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


def _paragraph(text: str, start: int, most: int) -> int:
    """End of the last blank line by `most`; -1 without one. As with the others, the separator stays with the earlier piece."""
    end = text.rfind("\n", start, most)
    while end >= 0:
        before = end - 1
        while before >= start and text[before] in " \t":
            before -= 1
        if before >= start and text[before] == "\n" and _parts(text, end + 1):
            return end + 1
        end = text.rfind("\n", start, before + 1)
    return -1


def _line(text: str, start: int, most: int) -> int:
    end = text.rfind("\n", start, most)
    while end >= 0 and not _parts(text, end + 1):
        end = text.rfind("\n", start, end)
    return end + 1 if end >= 0 else -1


def _sentence(text: str, start: int, most: int) -> int:
    end = most
    while end > start:
        last = end - 1
        if text[last] in _FULL_STOPS and _parts(text, end):
            return end
        if text[last].isspace():
            while last >= start and text[last].isspace():
                last -= 1
            closer = last
            while closer >= start and text[closer] in _CLOSERS:
                closer -= 1
            if closer >= start and text[closer] in _STOPS and _parts(text, end):
                return end
            end = min(closer, last) + 1 if closer < last else last + 1
            continue
        end = last
    return -1


def _word(text: str, start: int, most: int) -> int:
    return next((end for end in range(most, start, -1) if text[end - 1].isspace() and _parts(text, end)), -1)


def _parts(text: str, end: int) -> bool:
    """Whether a cut here parts nothing that belongs together."""
    return end >= len(text) or not _extends(text[end])


def _opened_late(text: str, start: int, end: int, fence: str | None) -> int:
    """Where the fence begins that is open at `end` although it was not at `start`; -1 without one. Cutting before it saves a repair."""
    at = -1
    for match in _FENCE.finditer(text, start, end):
        fence, at = (None, -1) if fence is not None else ("", match.start())
    return at if end - at < (end - start) * _EARLIEST else -1


def _between_characters(text: str, start: int, most: int) -> int:
    """No word ends in time: cut between two characters that a person sees as two, and not inside a run of backticks."""
    for end in range(most, start + (most - start) // 2, -1):
        if end == len(text) or not _belongs(text, start, end):
            return end
    return max(most, start + 1)


def _belongs(text: str, start: int, end: int) -> bool:
    """Whether the character at `end` is one with, or must not be parted from, the one before it (after UAX 29)."""
    before, after = text[end - 1], text[end]
    if before == "`" == after or (before == "\r" and after == "\n") or before == "\u200d" or _extends(after):
        return True
    if _is_flag(after) and _is_flag(before):
        first = end - 1
        while first > start and _is_flag(text[first - 1]):
            first -= 1
        return (end - first) % 2 == 1
    if unicodedata.combining(before) == _VIRAMA:
        return unicodedata.category(after) == "Lo"
    return _is_jamo(after) and (_is_jamo(before) or "\uac00" <= before <= "\ud7a3")


def _extends(character: str) -> bool:
    """Marks, joiners, variation selectors, skin tones, the tags of flags."""
    if character < "\u0300":
        return False
    if character in "\u200c\u200d" or "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f":
        return True
    return unicodedata.category(character)[0] == "M"


_VIRAMA = 9
"""Canonical combining class of the sign that joins two consonants of an Indic script."""


def _is_jamo(character: str) -> bool:
    return "\u1100" <= character <= "\u11ff" or "\ua960" <= character <= "\ua97c" or "\ud7b0" <= character <= "\ud7fb"


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
