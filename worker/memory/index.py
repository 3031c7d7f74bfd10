"""The hot index of one persona: what ranking needs of every memory, in arrays, changed one memory at a time.

A memory is one or more passages ("rows"). Rows live in slots; what depends on neighbours or on counts (the order in time, lengths, the
mean vector) is kept as sums of whole numbers or worked out from the sorted order when first asked for after a change, so that the same
memories give the same bits whatever the order in which they came.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from engine.decide.remembering.sectors import Sector
from worker.memory.embed import Embedded
from worker.memory.slots import Slots
from worker.memory.times import TimeRange
from worker.memory.traits import Traits

Floats = NDArray[np.float32]
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
    spans: tuple[TimeRange, ...]
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


class Index:
    """Memories of one persona. `version` rises with every change."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.rows: dict[int, Row] = {}
        self.keys: list[Key] = []
        self._order: Ints | None = None
        self.told: dict[int, tuple[TimeRange, ...]] = {}
        """The times that rows speak of, of rows that speak of any."""
        self.postings = Postings()
        self.entities = Postings()
        self.slots = Slots()
        self.token_rows: Counter[int] = Counter()
        self.speakers: Counter[str] = Counter()
        self.codes: dict[str, int] = {}
        self.total_length = 0
        self.version = 0

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def vector_count(self) -> int:
        """Rows that have vectors."""
        return self.slots.vectors.count

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def add(self, prepared: Prepared) -> None:
        """Put one memory in; one of the same id is replaced (an edit)."""
        dims = {len(row.embedded.vector) for row in prepared.rows if row.embedded}
        held = self.slots.vectors.dims
        if held is not None and dims - {held}:
            raise ValueError(f"the index holds vectors of {held} numbers, not {sorted(dims)}: embed everything with one model")
        self.remove(prepared.id)
        keys: list[Key] = []
        for number, row in enumerate(prepared.rows):
            slot = self.slots.take()
            keys.append((prepared.thread, prepared.at, prepared.id, number, slot))
            self._keep(slot, row, prepared.at)
            self.slots.speakers[slot], self.slots.threads[slot] = self._code(prepared.speaker), self._code(prepared.thread)
            self._place(keys[-1])
        self.entries[prepared.id] = Entry(prepared.at, prepared.speaker, prepared.thread, prepared.sector, keys)
        self.speakers[prepared.speaker] += 1
        self.version += 1

    def _place(self, key: Key) -> None:
        at = bisect_left(self.keys, key)
        self.keys.insert(at, key)
        if self._order is not None:
            self._order = np.insert(self._order, at, key[-1])

    def _displace(self, key: Key) -> None:
        at = bisect_left(self.keys, key)
        del self.keys[at]
        if self._order is not None:
            self._order = np.delete(self._order, at)

    @property
    def order(self) -> Ints:
        """The slots of all rows in the order of `keys`; changes make another array."""
        if self._order is None:
            self._order = np.fromiter((key[-1] for key in self.keys), np.int32, len(self.keys))
        return self._order

    def _code(self, name: str) -> int:
        """A number for a speaker or thread, compared only for being the same."""
        return self.codes.setdefault(name, len(self.codes))

    def remove(self, name: str) -> bool:
        """Take one memory out; False if it is not there."""
        entry = self.entries.pop(name, None)
        if entry is None:
            return False
        for key in entry.keys:
            self._displace(key)
            self._forget(key[-1])
        self.speakers[entry.speaker] -= 1
        if not self.speakers[entry.speaker]:
            del self.speakers[entry.speaker]
        self.version += 1
        return True

    def _keep(self, slot: int, row: Row, at: float) -> None:
        """A row with its vectors apart: those stay in the slots alone."""
        self.rows[slot] = replace(row, embedded=None) if row.embedded else row
        self.postings.add(slot, row.terms)
        self.entities.add(slot, Counter(row.entities))
        if row.spans:
            self.told[slot] = row.spans
        length = row.terms.total()
        self.total_length += length
        self.slots.lengths[slot], self.slots.traits[slot], self.slots.times[slot] = length, row.traits, at
        if row.embedded is not None:
            self.slots.embed(slot, row.embedded)
            self.token_rows.update(np.unique(row.embedded.token_ids).tolist())

    def _forget(self, slot: int) -> None:
        row = self.rows.pop(slot)
        self.postings.remove(slot, row.terms)
        self.entities.remove(slot, set(row.entities))
        self.told.pop(slot, None)
        self.total_length -= row.terms.total()
        self.token_rows.subtract(np.unique(self.slots.tokens.get(slot)[0]).tolist())
        self.slots.clear(slot)

    def prepared(self) -> Iterator[Prepared]:
        """Everything in it, in order of id: what `storage.save` writes."""
        for name, entry in sorted(self.entries.items()):
            rows = tuple(self._whole(key[-1]) for key in entry.keys)
            yield Prepared(name, entry.at, entry.speaker, entry.thread, entry.sector, rows)

    def _whole(self, slot: int) -> Row:
        return replace(self.rows[slot], embedded=self.slots.embedded(slot))


def fill(index: Index, many: Sequence[Prepared]) -> Index:
    for prepared in many:
        index.add(prepared)
    return index
