"""The index in the order of time, as arrays by position: worked out once after a change (about a millisecond per 10,000 rows)."""

from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from worker.memory.config import Reach
from worker.memory.index import Floats, Index, Ints

FARTHEST: Final = 3
"""How far a Reach may look either way."""


@dataclass(frozen=True, slots=True)
class View:
    """Positions 0..n-1 are rows in the order (thread, time, id, passage).
    `linked[d][p]` says whether positions p and p+d+1 are one conversation."""

    version: int
    slots: Ints
    position: Ints
    ids: list[str]
    times: NDArray[np.float64]
    traits: Floats
    norms: Floats
    linked: tuple[NDArray[np.bool_], ...]
    after_question: NDArray[np.bool_]
    spans: tuple[Ints, NDArray[np.float64], NDArray[np.float64]]
    speakers: dict[str, Floats]
    centre: Floats | None
    """The mean vector, rounded."""
    spread: Floats
    """Length of each row's centred vector, by position."""
    reaches: dict[Reach, list[tuple[int, Floats]]] = field(default_factory=dict)
    """What `weights` has worked out."""

    @property
    def latest(self) -> float:
        return float(self.times.max(initial=0.0))

    def __len__(self) -> int:
        return len(self.ids)


_views: WeakKeyDictionary[Index, dict[float, View]] = WeakKeyDictionary()


def of(index: Index, gap_hours: float) -> View:
    """The view of an index as it is now."""
    held = _views.setdefault(index, {})
    if gap_hours not in held or held[gap_hours].version != index.version:
        held[gap_hours] = _make(index, gap_hours * 3600.0)
    return held[gap_hours]


def _make(index: Index, gap: float) -> View:
    count = len(index.keys)
    slots = np.fromiter((key[-1] for key in index.keys), np.int32, count)
    position = np.full(len(index.slots.lengths), -1, np.int32)
    position[slots] = np.arange(count, dtype=np.int32)
    traits = index.slots.traits[slots].astype(np.float32)
    times = index.slots.times[slots]
    linked = _linked(index, times, gap)
    after = np.zeros(count, bool)
    after[1:] = (traits[:-1, 0] > 0) & linked[0][:-1]
    lengths = index.slots.lengths[slots].astype(np.float32)
    mean = np.float32(max(index.total_length / max(count, 1), 1.0))
    centre, spread = _centre(index, slots)
    return View(
        version=index.version,
        slots=slots,
        position=position,
        ids=[key[2] for key in index.keys],
        times=times,
        traits=traits,
        norms=lengths / mean,
        linked=linked,
        after_question=after,
        spans=_spans(index, times),
        speakers=_speakers(index),
        centre=centre,
        spread=spread,
    )


def _linked(index: Index, times: NDArray[np.float64], gap: float) -> tuple[NDArray[np.bool_], ...]:
    """For each distance d+1 and position p: are p and p+d+1 the same thread with no pause longer than `gap` between them?"""
    count = len(times)
    codes = {thread: code for code, thread in enumerate(sorted({key[0] for key in index.keys}))}
    threads = np.fromiter((codes[key[0]] for key in index.keys), np.int32, count)
    step = np.zeros(count, bool)
    step[:-1] = (threads[1:] == threads[:-1]) & (times[1:] - times[:-1] <= gap)
    found = [step]
    for distance in range(1, FARTHEST):
        following = np.zeros(count, bool)
        following[:-distance] = step[distance:]
        found.append(found[-1] & following)
    return tuple(found)


def _centre(index: Index, slots: Ints) -> tuple[Floats | None, Floats]:
    """The mean vector in whole numbers, and |v - mean| per row: sums of whole numbers, so exact."""
    vectors = index.slots.used
    if vectors is None or index.vector_sum is None or not index.vector_count:
        return None, np.ones(len(slots), np.float32)
    mean = np.rint(index.vector_sum / index.vector_count).astype(np.float32)
    squares = np.einsum("ij,ij->i", vectors, vectors) - 2 * (vectors @ mean) + np.float32(mean @ mean)
    return mean, np.sqrt(np.maximum(squares, 1.0))[slots]


def _spans(index: Index, times: NDArray[np.float64]) -> tuple[Ints, NDArray[np.float64], NDArray[np.float64]]:
    """(positions, starts, ends): the moment of every row, and the times it speaks of."""
    where, starts, ends = list(range(len(times))), times.tolist(), times.tolist()
    for at, key in enumerate(index.keys):
        for span in index.rows[key[-1]].spans:
            where.append(at)
            starts.append(span.start)
            ends.append(span.end)
    return np.array(where, np.int32), np.array(starts), np.array(ends)


def _speakers(index: Index) -> dict[str, Floats]:
    said = [index.entries[key[2]].speaker for key in index.keys]
    return {name: np.fromiter((who == name for who in said), np.float32, len(said)) for name in sorted(set(said)) if name}


def weights(view: View, reach: Reach) -> list[tuple[int, Floats]]:
    """(offset, weight by position): how much of the row at p - offset counts for the row at p; offset > 0 looks back."""
    if reach not in view.reaches:
        view.reaches[reach] = _weights(view, reach)
    return view.reaches[reach]


def _weights(view: View, reach: Reach) -> list[tuple[int, Floats]]:
    found = []
    for d, share in enumerate(reach.back[:FARTHEST]):
        mask = np.zeros(len(view), np.float32)
        mask[d + 1 :] = view.linked[d][: len(view) - d - 1] * np.float32(share)
        if d == 0:
            mask[view.after_question] = reach.answer
        found.append((d + 1, mask))
    for d, share in enumerate(reach.forward[:FARTHEST]):
        found.append((-d - 1, view.linked[d] * np.float32(share)))
    return found


def shifted(values: Floats, offset: int) -> Floats:
    """values[p - offset] at p along the last axis, 0 beyond the ends."""
    moved = np.zeros_like(values)
    if offset > 0:
        moved[..., offset:] = values[..., :-offset]
    else:
        moved[..., :offset] = values[..., -offset:]
    return moved
