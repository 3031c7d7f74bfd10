"""The hot index of one persona: what ranking needs of every memory, in arrays, changed one memory at a time.

A memory is one or more passages ("rows"). Rows live in slots; what depends on neighbours or on counts (the order in time, lengths, the
mean vector) is kept as sums of whole numbers or worked out from the sorted order when first asked for after a change, so that the same
memories give the same bits whatever the order in which they came. Vectors are unit vectors times SCALE, rounded: their dot products
are whole numbers under 2^24, exact in float32 in any order of summation.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.memory.embed import Embedded
from worker.memory.sectors import Sector
from worker.memory.times import Span
from worker.memory.traits import Traits

SCALE: Final = 2048

Floats = NDArray[np.float32]
_NOTHING: Final = np.zeros(0, np.float32)
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Memory:
    """What goes in. `thread` keeps conversations apart (a channel); `at` is when it was said, with a time zone."""

    id: str
    text: str
    at: datetime
    speaker: str = ""
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One passage, analysed. `embedded` is None when there was no embedder."""

    terms: Counter[str]
    traits: Traits
    spans: tuple[Span, ...]
    entities: tuple[str, ...]
    embedded: Embedded | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A memory ready for the index: the slow half, which a cache may keep by (embedder name, text)."""

    id: str
    at: float
    speaker: str
    thread: str
    sector: Sector
    rows: tuple[Row, ...]


Key = tuple[str, float, str, int, int]
"""(thread, time, memory id, passage, slot): the order of rows; the slot never decides, the first four are unique."""


@dataclass(slots=True)
class Entry:
    at: float
    speaker: str
    thread: str
    sector: Sector
    keys: list[Key]


class Postings:
    """term -> {slot: count}, with the arrays ranking reads made on demand and forgotten on change."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[int, int]] = {}
        self._arrays: dict[str, tuple[Ints, Floats]] = {}

    def add(self, slot: int, terms: Counter[str]) -> None:
        for term, count in terms.items():
            self._counts.setdefault(term, {})[slot] = count
            self._arrays.pop(term, None)

    def remove(self, slot: int, terms: Iterable[str]) -> None:
        for term in terms:
            held = self._counts[term]
            del held[slot]
            self._arrays.pop(term, None)
            if not held:
                del self._counts[term]

    def get(self, term: str) -> tuple[Ints, Floats] | None:
        """(slots, counts) of a term, or None."""
        held = self._counts.get(term)
        if held is None:
            return None
        if term not in self._arrays:
            self._arrays[term] = (np.fromiter(held.keys(), np.int32, len(held)), np.fromiter(held.values(), np.float32, len(held)))
        return self._arrays[term]

    def __len__(self) -> int:
        return len(self._counts)


class Slots:
    """Per-row arrays that grow by a quarter; freed slots are used again."""

    def __init__(self) -> None:
        self.lengths = np.zeros(0, np.int32)
        self.traits = np.zeros((0, len(Traits._fields)), np.int8)
        self.times = np.zeros(0, np.float64)
        self.speakers = np.zeros(0, np.int32)
        self.threads = np.zeros(0, np.int32)
        self.squares = np.zeros(0, np.float32)
        self.vectors: Floats | None = None
        self.free: list[int] = []
        self.high = 0

    def take(self) -> int:
        if not self.free:
            held = len(self.lengths)
            self._grow(max(64, held + held // 4))
            self.free = list(range(len(self.lengths) - 1, held - 1, -1))
        slot = self.free.pop()
        self.high = max(self.high, slot + 1)
        return slot

    def _grow(self, size: int) -> None:
        more = size - len(self.lengths)
        self.lengths = np.concatenate([self.lengths, np.zeros(more, np.int32)])
        self.traits = np.concatenate([self.traits, np.zeros((more, self.traits.shape[1]), np.int8)])
        self.times = np.concatenate([self.times, np.zeros(more)])
        self.speakers = np.concatenate([self.speakers, np.zeros(more, np.int32)])
        self.threads = np.concatenate([self.threads, np.zeros(more, np.int32)])
        self.squares = np.concatenate([self.squares, np.zeros(more, np.float32)])
        if self.vectors is not None:
            self.vectors = np.concatenate([self.vectors, np.zeros((more, self.vectors.shape[1]), np.float32)])

    @property
    def used(self) -> Floats | None:
        """The vectors up to the highest slot ever taken."""
        return None if self.vectors is None else self.vectors[: self.high]

    def set_vector(self, slot: int, vector: Floats) -> None:
        if self.vectors is None:
            self.vectors = np.zeros((len(self.lengths), len(vector)), np.float32)
        self.vectors[slot] = np.rint(vector * SCALE)
        self.squares[slot] = self.vectors[slot] @ self.vectors[slot]


class Index:
    """Memories of one persona. `version` rises with every change."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.rows: dict[int, Row] = {}
        self.keys: list[Key] = []
        self.postings = Postings()
        self.entities = Postings()
        self.slots = Slots()
        self.token_rows: Counter[int] = Counter()
        self.speakers: Counter[str] = Counter()
        self.codes: dict[str, int] = {}
        self.total_length = 0
        self.vector_sum: NDArray[np.int64] | None = None
        self.vector_count = 0
        self.version = 0

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def add(self, prepared: Prepared) -> None:
        """Put one memory in; one of the same id is replaced (an edit)."""
        dims = {len(row.embedded.vector) for row in prepared.rows if row.embedded}
        if self.slots.vectors is not None and dims - {self.slots.vectors.shape[1]}:
            held = self.slots.vectors.shape[1]
            raise ValueError(f"the index holds vectors of {held} numbers, not {sorted(dims)}: embed everything with one model")
        self.remove(prepared.id)
        keys: list[Key] = []
        for number, row in enumerate(prepared.rows):
            slot = self.slots.take()
            keys.append((prepared.thread, prepared.at, prepared.id, number, slot))
            self._count(slot, row, prepared.at, +1)
            self.slots.speakers[slot], self.slots.threads[slot] = self._code(prepared.speaker), self._code(prepared.thread)
            insort(self.keys, keys[-1])
        self.entries[prepared.id] = Entry(prepared.at, prepared.speaker, prepared.thread, prepared.sector, keys)
        self.speakers[prepared.speaker] += 1
        self.version += 1

    def _code(self, name: str) -> int:
        """A number for a speaker or thread, compared only for being the same."""
        return self.codes.setdefault(name, len(self.codes))

    def remove(self, name: str) -> bool:
        """Take one memory out; False if it is not there."""
        entry = self.entries.pop(name, None)
        if entry is None:
            return False
        for key in entry.keys:
            self.keys.pop(bisect_left(self.keys, key))
            self._count(key[-1], self.rows[key[-1]], entry.at, -1)
            self.slots.free.append(key[-1])
        self.speakers[entry.speaker] -= 1
        self.speakers += Counter()
        self.version += 1
        return True

    def _count(self, slot: int, row: Row, at: float, sign: int) -> None:
        length = row.terms.total()
        self.total_length += sign * length
        if sign > 0:
            self.rows[slot] = replace(row, embedded=replace(row.embedded, vector=_NOTHING)) if row.embedded else row
            self.postings.add(slot, row.terms)
            self.entities.add(slot, Counter(row.entities))
            self.slots.lengths[slot], self.slots.traits[slot], self.slots.times[slot] = length, row.traits, at
        else:
            del self.rows[slot]
            self.postings.remove(slot, row.terms)
            self.entities.remove(slot, set(row.entities))
        if row.embedded is not None:
            self._count_vector(slot, row.embedded, sign)

    def _count_vector(self, slot: int, embedded: Embedded, sign: int) -> None:
        if sign > 0:
            self.slots.set_vector(slot, embedded.vector)
        assert self.slots.vectors is not None
        if self.vector_sum is None:
            self.vector_sum = np.zeros(self.slots.vectors.shape[1], np.int64)
        self.vector_sum += sign * self.slots.vectors[slot].astype(np.int64)
        self.vector_count += sign
        for token in np.unique(embedded.token_ids).tolist():
            self.token_rows[token] += sign
        if sign < 0:
            self.slots.vectors[slot] = 0

    def prepared(self) -> Iterator[Prepared]:
        """Everything in it, in order of id: what `storage.save` writes."""
        for name, entry in sorted(self.entries.items()):
            rows = tuple(self._whole(key[-1]) for key in entry.keys)
            yield Prepared(name, entry.at, entry.speaker, entry.thread, entry.sector, rows)

    def _whole(self, slot: int) -> Row:
        """A row with its vector again, which only the slots hold; SCALE is a power of two, so it comes to the same whole numbers."""
        row = self.rows[slot]
        if row.embedded is None or self.slots.vectors is None:
            return row
        return replace(row, embedded=replace(row.embedded, vector=self.slots.vectors[slot] / np.float32(SCALE)))


def fill(index: Index, many: Sequence[Prepared]) -> Index:
    for prepared in many:
        index.add(prepared)
    return index
