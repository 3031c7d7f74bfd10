"""The index in the order of time, as arrays by position: worked out once after a change (about a millisecond per 10,000 rows)."""

from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from worker.memory.config import Reach
from worker.memory.index import Floats, Index, Ints

LONGEST_TURN: Final = 8
"""Rows; a speaker who goes on longer begins another turn."""


@dataclass(frozen=True, slots=True)
class View:
    """Positions 0..n-1 are rows in the order (thread, time, id, passage)."""

    version: int
    slots: Ints
    position: Ints
    ids: list[str]
    times: NDArray[np.float64]
    traits: Floats
    norms: Floats
    turn: Ints
    """Number of the turn each row belongs to."""
    turn_starts: Ints
    talk: Ints
    """Number of the conversation each turn belongs to."""
    asking: NDArray[np.bool_]
    """Whether each turn asks something."""
    spans: tuple[Ints, NDArray[np.float64], NDArray[np.float64]]
    speakers: dict[str, Floats]
    centre: Floats | None
    """The mean vector, rounded."""
    spread: Floats
    """Length of each row's centred vector, by position."""
    shares: "dict[Reach, list[Share]]" = field(default_factory=dict)
    """What `shares` has worked out."""

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
    turn, starts, talk = _turns(index, times, gap)
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
        turn=turn,
        turn_starts=starts,
        talk=talk,
        asking=np.maximum.reduceat(traits[:, 0], starts) > 0,
        spans=_spans(index, times),
        speakers=_speakers(index),
        centre=centre,
        spread=spread,
    )


def _turns(index: Index, times: NDArray[np.float64], gap: float) -> tuple[Ints, Ints, Ints]:
    """(turn of each row, first row of each turn, conversation of each turn). A turn is what one speaker says before another does;
    a conversation ends with its thread or with a pause longer than `gap`."""
    turn = np.zeros(len(times), np.int32)
    starts: list[int] = []
    talk: list[int] = []
    before: tuple[str, str] | None = None
    number = -1
    for at, key in enumerate(index.keys):
        speaker = index.entries[key[2]].speaker
        together = before is not None and before[0] == key[0] and times[at] - times[at - 1] <= gap
        number += not together
        if not together or before is None or before[1] != speaker or at - starts[-1] >= LONGEST_TURN:
            starts.append(at)
            talk.append(number)
        turn[at] = len(starts) - 1
        before = (key[0], speaker)
    return turn, np.array(starts, np.int32), np.array(talk, np.int32)


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


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the turn `offset` turns earlier (negative: later; 0: its own) counts for each row: `of` names that turn."""

    offset: int
    of: Ints
    weight: Floats


def shares(view: View, reach: Reach) -> list[Share]:
    """The shares of a reach, worked out once per view."""
    if reach not in view.shares:
        view.shares[reach] = _shares(view, reach)
    return view.shares[reach]


def _shares(view: View, reach: Reach) -> list[Share]:
    found = [Share(0, view.turn, np.full(len(view), reach.same, np.float32))] if reach.same else []
    for sign, all_shares in ((1, reach.back), (-1, reach.forward)):
        for distance, share in enumerate(all_shares, 1):
            of = np.clip(view.turn - sign * distance, 0, len(view.turn_starts) - 1).astype(np.int32)
            near = (view.talk[of] == view.talk[view.turn]) & (of == view.turn - sign * distance)
            weight = near * np.float32(share)
            if (sign, distance) == (1, 1):
                weight[near & view.asking[of]] = reach.answer
            found.append(Share(sign * distance, of, weight.astype(np.float32)))
    return found


def turn_best(view: View, values: Floats) -> Floats:
    """The most that any row of each turn has."""
    best: Floats = np.maximum.reduceat(values, view.turn_starts, axis=-1)
    return best
