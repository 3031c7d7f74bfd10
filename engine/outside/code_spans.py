"""Where code stands in a text of Discord's markdown. Pure, and linear in the text."""

import re

FENCE = 3
_TICKS = re.compile(r"`+")


def code_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of each code span and fence, left to right. What is opened and never closed is no code."""
    runs = [(tick.start(), tick.end()) for tick in _TICKS.finditer(text) if not _is_escaped(text, tick.start())]
    closing = _closing(runs)
    spans: list[tuple[int, int]] = []
    index = 0
    while index < len(runs):
        end = closing[index]
        if end is None:
            index += 1
            continue
        spans.append((runs[index][0], runs[end][1]))
        index = end + 1
    return spans


def _closing(runs: list[tuple[int, int]]) -> list[int | None]:
    """For each run of ticks the next one as long: fences of three and more close each other."""
    found: list[int | None] = [None] * len(runs)
    following: dict[int, int] = {}
    for index in range(len(runs) - 1, -1, -1):
        size = min(runs[index][1] - runs[index][0], FENCE)
        found[index] = following.get(size)
        following[size] = index
    return found


def _is_escaped(text: str, at: int) -> bool:
    return at > 0 and text[at - 1] == "\\" and (at < 2 or text[at - 2] != "\\")
