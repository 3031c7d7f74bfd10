"""The text vectors of all rows of an index as int8, a quarter of what float32 takes to hold and to read through.

Products of whole numbers are exact in any order of summation, so a score depends neither on where a row stands nor on how many there are.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.memory import dots

DEVIATIONS: Final = 26
"""Steps per standard deviation of a unit vector's numbers: 127 steps are nearly five deviations."""

Whole = NDArray[np.int32]


def scale(dims: int) -> int:
    """What the numbers of a unit vector are multiplied with before they are rounded; the few beyond +-127 are cut off."""
    return max(1, round(DEVIATIONS * math.sqrt(dims)))


class Vectors:
    """By slot. `columns` is [numbers, slots]: a question is multiplied with all slots at once, number by number."""

    def __init__(self) -> None:
        self.columns: NDArray[np.int8] | None = None
        self.held = np.zeros(0, bool)
        self.squares = np.zeros(0, np.int32)
        self._sums = np.zeros(0, np.int32)
        self._total: NDArray[np.int64] | None = None
        self._along: tuple[Whole, Whole] | None = None
        self.count = 0

    @property
    def dims(self) -> int | None:
        """Numbers of a vector, once there was one."""
        return None if self.columns is None else len(self.columns)

    def room(self, more: int) -> None:
        """Make room for that many more slots."""
        self.held = np.append(self.held, np.zeros(more, bool))
        self.squares = np.append(self.squares, np.zeros(more, np.int32))
        self._sums = np.append(self._sums, np.zeros(more, np.int32))
        self._along = None
        if self.columns is not None:
            self.columns = np.append(self.columns, np.zeros((len(self.columns), more), np.int8), axis=1)

    def put(self, slot: int, vector: NDArray[np.float32]) -> None:
        """Fill a slot that holds nothing with a unit vector."""
        if self.columns is None or self._total is None:
            self.columns, self._total = np.zeros((len(vector), len(self.held)), np.int8), np.zeros(len(vector), np.int64)
        whole = np.clip(np.rint(vector * np.float32(scale(len(vector)))), -127, 127).astype(np.int32)
        self.columns[:, slot] = whole
        self.squares[slot], self._sums[slot], self.held[slot] = whole @ whole, whole.sum(), True
        self._total += whole
        self.count += 1
        if self._along is not None:
            self._along[1][slot] = whole @ self._along[0]

    def drop(self, slot: int) -> None:
        assert self.columns is not None
        assert self._total is not None
        self._total -= self.columns[:, slot]
        self.count -= 1
        self.columns[:, slot] = self.squares[slot] = self._sums[slot] = self.held[slot] = 0

    def get(self, slot: int) -> NDArray[np.float32]:
        """The vector as it was given, but rounded: `put` makes the same whole numbers of it."""
        assert self.columns is not None
        return self.columns[:, slot].astype(np.float32) / np.float32(scale(len(self.columns)))

    def mean(self) -> Whole | None:
        """The mean vector, rounded to whole numbers; None if there are no vectors."""
        return np.rint(self._total / self.count).astype(np.int32) if self._total is not None and self.count else None

    def products(self, vector: Whole) -> Whole:
        """Whole numbers within +-64, multiplied with the vector of every slot."""
        assert self.columns is not None
        return dots.one_by_many(vector, self.columns, self._sums)

    def along(self, mean: Whole) -> Whole:
        """The mean, within +-127, multiplied with the vector of every slot: kept while the mean stays, as after most changes it does."""
        if self._along is None or not np.array_equal(self._along[0], mean):
            half = mean // 2
            self._along = (mean, self.products(half) + self.products(mean - half))
        return self._along[1]
