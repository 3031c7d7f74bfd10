"""The token vectors of all rows of an index, one after another in one array, so that those of a few hundred rows are taken out at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.memory import dots
from worker.memory.embed import TOKEN_DIMS

LEAST: Final = 1024
"""Tokens there is room for at first, and under which gaps are not worth closing."""


class Tokens:
    """`starts` and `sizes` by slot: where a row's tokens are and how many. What is dropped leaves a gap, closed when a third is gaps."""

    def __init__(self) -> None:
        self.codes = np.empty((0, TOKEN_DIMS), np.uint8)
        self.scales = np.empty(0, np.float32)
        self.ids = np.empty(0, np.int32)
        self.starts = np.zeros(0, np.int64)
        self.sizes = np.zeros(0, np.int32)
        self.end = 0
        self.held = 0

    def room(self, more: int) -> None:
        """Make room for that many more slots."""
        self.starts = np.append(self.starts, np.zeros(more, np.int64))
        self.sizes = np.append(self.sizes, np.zeros(more, np.int32))

    def put(self, slot: int, ids: NDArray[np.int32], tokens: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        """Fill a slot that holds nothing."""
        size = len(tokens)
        if self.end + size > len(self.codes):
            self._move(max(LEAST, self.held + size + (self.held + size) // 4))
        into = slice(self.end, self.end + size)
        if size:
            self.codes[into], self.ids[into], self.scales[into] = dots.raised(tokens), ids, scales
        self.starts[slot], self.sizes[slot] = self.end, size
        self.end, self.held = self.end + size, self.held + size

    def drop(self, slot: int) -> None:
        self.held -= int(self.sizes[slot])
        self.sizes[slot] = 0
        if self.end > LEAST and self.held * 3 < self.end * 2:
            self._move(max(LEAST, self.held + self.held // 4))

    def get(self, slot: int) -> tuple[NDArray[np.int32], NDArray[np.int8], NDArray[np.float32]]:
        """(ids, tokens, scales) as they were put in."""
        at = slice(self.starts[slot], self.starts[slot] + self.sizes[slot])
        return self.ids[at].copy(), dots.lowered(self.codes[at]), self.scales[at].copy()

    def many(self, slots: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """(codes, scales) of the tokens of several slots, one slot after another."""
        at = self._places(slots)
        return self.codes.take(at, axis=0), self.scales.take(at)

    def _places(self, slots: NDArray[np.int32]) -> NDArray[np.int64]:
        sizes = self.sizes[slots]
        ends = np.cumsum(sizes)
        return np.repeat(self.starts[slots] - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)

    def _move(self, size: int) -> None:
        """Into arrays of another size, without gaps."""
        slots = np.flatnonzero(self.sizes).astype(np.int32)
        at = self._places(slots)
        codes, scales, ids = np.empty((size, TOKEN_DIMS), np.uint8), np.empty(size, np.float32), np.empty(size, np.int32)
        codes[: len(at)], scales[: len(at)], ids[: len(at)] = self.codes[at], self.scales[at], self.ids[at]
        self.codes, self.scales, self.ids = codes, scales, ids
        self.starts[slots] = np.cumsum(self.sizes[slots]) - self.sizes[slots]
        self.end = len(at)
