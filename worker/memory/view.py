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
    centre: Floats | None
    """The mean vector, rounded."""
    spread: Floats
    """Length of each row's centred vector, by position."""
    shares: "dict[Reach, list[Share]]" = field(default_factory=dict)
    """What `shares` has worked out."""
    spans: list[tuple[Ints, NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=list)
    """What `spans` has worked out, once it has."""

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
    turn, starts, talk = _turns(index, slots, times, gap)
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
        centre=centre,
        spread=spread,
    )


def _turns(index: Index, slots: Ints, times: NDArray[np.float64], gap: float) -> tuple[Ints, Ints, Ints]:
    """(turn of each row, first row of each turn, conversation of each turn). A turn is what one speaker says before another does;
    a conversation ends with its thread or with a pause longer than `gap`."""
    threads, speakers = index.slots.threads[slots], index.slots.speakers[slots]
    apart = np.ones(len(slots), bool)
    apart[1:] = (threads[1:] != threads[:-1]) | (times[1:] - times[:-1] > gap)
    change = apart.copy()
    change[1:] |= speakers[1:] != speakers[:-1]
    runs = np.flatnonzero(change)
    within = np.arange(len(slots)) - np.repeat(runs, np.diff(np.append(runs, len(slots))))
    begins = within % LONGEST_TURN == 0
    starts = np.flatnonzero(begins)
    return (np.cumsum(begins) - 1).astype(np.int32), starts.astype(np.int32), np.cumsum(apart)[starts].astype(np.int32)


def _centre(index: Index, slots: Ints) -> tuple[Floats | None, Floats]:
    """The mean vector in whole numbers, and |v - mean| per row: sums of whole numbers, so exact."""
    vectors = index.slots.used
    if vectors is None or index.vector_sum is None or not index.vector_count:
        return None, np.ones(len(slots), np.float32)
    mean = np.rint(index.vector_sum / index.vector_count).astype(np.float32)
    squares = index.slots.squares[: len(vectors)] - 2 * (vectors @ mean) + np.float32(mean @ mean)
    return mean, np.sqrt(np.maximum(squares, 1.0))[slots]


def spans(index: Index, view: View) -> tuple[Ints, NDArray[np.float64], NDArray[np.float64]]:
    """(positions, starts, ends): the moment of every row, and the times it speaks of. Worked out when first asked for."""
    if not view.spans:
        told = [(at, span) for at, slot in enumerate(view.slots.tolist()) for span in index.rows[slot].spans]
        where = np.concatenate([np.arange(len(view)), np.fromiter((at for at, _ in told), np.int64, len(told))]).astype(np.int32)
        starts = np.concatenate([view.times, np.fromiter((span.start for _, span in told), np.float64, len(told))])
        ends = np.concatenate([view.times, np.fromiter((span.end for _, span in told), np.float64, len(told))])
        view.spans.append((where, starts, ends))
    return view.spans[0]


def said_by(index: Index, view: View, speaker: str) -> Floats:
    """1 where a row is this speaker's."""
    said: Floats = (index.slots.speakers[view.slots] == index.codes.get(speaker, -1)).astype(np.float32)
    return said


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
