"""Where a text is code: what stands there is shown, not meant. Marks of thoughts, turns and templates do not count in it."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_TICKS = re.compile("`+")
TICKS = 3
"""Backticks or tildes in a row that begin and end a block of code."""


@dataclass(frozen=True, slots=True)
class Code:
    """Sorted, disjoint `[start, end)` ranges of a text, as two lists."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def holds(self, index: int) -> bool:
        """Whether the character at `index` is part of code."""
        at = bisect_right(self.starts, index) - 1
        return at >= 0 and index < self.ends[at]


NONE = Code((), ())


@lru_cache(maxsize=8)  # the steps of one reading ask for the same text
def find(text: str) -> Code:
    """Fenced blocks, closed or not, and spans between equal runs of backticks in one line. One pass over the text."""
    if "`" not in text and "~~~" not in text:
        return NONE
    found = sorted(_ranges(text))
    return Code(tuple(start for start, _ in found), tuple(end for _, end in found))


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    opened, fence, at = 0, "", 0
    for line in text.splitlines(keepends=True):
        if fence:
            if _closes(line, fence):
                yield opened, at + len(line)
                fence = ""
        elif mark := _opens(line):
            opened, fence = at + line.index(mark), mark
        else:
            yield from ((at + start, at + end) for start, end in _inline(line))
        at += len(line)
    if fence:
        yield opened, len(text)


def _closes(line: str, fence: str) -> bool:
    return fence in line and (line.lstrip(" >").startswith(fence) or line.rstrip().endswith(fence))


def _opens(line: str) -> str:
    """The fence that a line leaves open; "" when it opens none."""
    if line.lstrip(" >").startswith("~~~"):
        return "~~~"
    open_run = 0
    for start, end in _runs(line):
        if end - start >= TICKS:
            open_run = 0 if open_run else end - start
    return "`" * TICKS if open_run else ""


def _runs(line: str) -> list[tuple[int, int]]:
    """The runs of backticks of a line."""
    return [found.span() for found in _TICKS.finditer(line)] if "`" in line else []


def _inline(line: str) -> Iterator[tuple[int, int]]:
    """Spans between a run of backticks and the next one as long."""
    runs = _runs(line)
    later: dict[int, list[int]] = {}
    for index in range(len(runs) - 1, -1, -1):
        later.setdefault(runs[index][1] - runs[index][0], []).append(index)
    index = 0
    while index < len(runs):
        same = later[runs[index][1] - runs[index][0]]
        while same and same[-1] <= index:
            same.pop()
        if same:
            yield runs[index][0], runs[same[-1]][1]
            index = same[-1]
        index += 1
