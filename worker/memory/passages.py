"""Long texts become passages, each found by itself. Pure."""

import re
from typing import Final

TARGET: Final = 800
"""Characters of a passage: under 256 tokens of nearly any text; the embedder splits what is more."""
MOST: Final = 24
"""Passages kept of one memory (19,200 characters, more than a prompt takes of one message); the rest of a longer text is not searchable."""

_BREAK: Final = re.compile(r"\n\s*\n|\n|(?<=[.!?。！？])\s*(?=\S)|\s+")
_RANK: Final = ("\n\n", "\n")


def _cut(text: str, start: int) -> int:
    """Where the passage that begins at `start` ends: after a paragraph, line, sentence or word, whichever comes last and best."""
    stop = start + TARGET
    if stop >= len(text):
        return len(text)
    breaks = [(m.start(), m.group()) for m in _BREAK.finditer(text, start + TARGET // 2, stop)]
    for wanted in _RANK:
        if found := [at for at, what in breaks if wanted in what]:
            return found[-1]
    if sentences := [at for at, _ in breaks if text[at - 1] in ".!?。！？"]:
        return sentences[-1]
    return breaks[-1][0] if breaks and breaks[-1][0] > start else stop


def split(text: str) -> list[str]:
    """Passages of at most TARGET characters in order; one (maybe empty) passage for a short text."""
    return [text[start:end] for start, end in spans(text)]


def spans(text: str) -> list[tuple[int, int]]:
    """Where the passages of `split` begin and end, in characters."""
    if len(text) <= TARGET:
        return [(0, len(text))]
    found: list[tuple[int, int]] = []
    start = 0
    while start < len(text) and len(found) < MOST:
        stop = _cut(text, start)
        if passage := text[start:stop].strip():
            first = start + len(text[start:stop]) - len(text[start:stop].lstrip())
            found.append((first, first + len(passage)))
        start = stop
    return found or [(0, 0)]
