"""The index in the order of time, as arrays by position: worked out once after a change (about a millisecond per 10,000 rows)."""

from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from worker.memory.config import Reach
from worker.memory.index import Floats, Index, Ints, Key

LONGEST_TURN: Final = 8
"""Rows; a speaker who goes on longer begins another turn."""


@dataclass(frozen=True, slots=True)
class View:
    """Positions 0..n-1 are rows in the order (thread, time, id, passage)."""

    version: int
    slots: Ints
    position: Ints
    keys: list[Key]
    times: NDArray[np.float64]
    traits: Floats
    """[traits, rows]."""
    speakers: Ints
    norms: Floats
    turn: Ints
    """Number of the turn each row belongs to."""
    turn_starts: Ints
    turn_sizes: Ints
    turn_rest: list[tuple[Ints, Ints]]
    """(turns, rows): the second row of every turn that has one, the third, and so on."""
    talk: Ints
    """Number of the conversation each turn belongs to."""
    asking: NDArray[np.bool_]
    """Whether each turn asks something."""
    centre: Ints | None
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

    @property
    def ids(self) -> list[str]:
        return [key[2] for key in self.keys]

    def id(self, at: int) -> str:
        """The memory that the row at a position belongs to."""
        return self.keys[at][2]

    def __len__(self) -> int:
        return len(self.keys)


_views: WeakKeyDictionary[Index, dict[float, View]] = WeakKeyDictionary()


def of(index: Index, gap_hours: float) -> View:
    """The view of an index as it is now."""
    held = _views.setdefault(index, {})
    if gap_hours not in held or held[gap_hours].version != index.version:
        held[gap_hours] = _make(index, gap_hours * 3600.0)
    return held[gap_hours]


def _make(index: Index, gap: float) -> View:
    count, slots = len(index.keys), index.order
    position = np.full(len(index.slots), -1, np.int32)
    position[slots] = np.arange(count, dtype=np.int32)
    traits = np.ascontiguousarray(index.slots.traits[slots].T, np.float32)
    times, speakers = index.slots.times[slots], index.slots.speakers[slots]
    turn, starts, talk = _turns(index.slots.threads[slots], speakers, times, gap)
    lengths = index.slots.lengths[slots].astype(np.float32)
    mean = np.float32(max(index.total_length / max(count, 1), 1.0))
    centre, spread = _centre(index, slots)
    sizes: Ints = np.append(starts[1:], np.int32(count)) - starts
    rest = _rest(starts, sizes)
    return View(
        version=index.version,
        slots=slots,
        position=position,
        keys=index.keys.copy(),
        times=times,
        traits=traits,
        speakers=speakers,
        norms=lengths / mean,
        turn=turn,
        turn_starts=starts,
        turn_sizes=sizes,
        turn_rest=rest,
        talk=talk,
        asking=_best(traits[0], starts, rest) > 0,
        centre=centre,
        spread=spread,
    )


def _turns(threads: Ints, speakers: Ints, times: NDArray[np.float64], gap: float) -> tuple[Ints, Ints, Ints]:
    """(turn of each row, first row of each turn, conversation of each turn). A turn is what one speaker says before another does;
    a conversation ends with its thread or with a pause longer than `gap`."""
    apart = np.ones(len(times), bool)
    apart[1:] = (threads[1:] != threads[:-1]) | (times[1:] - times[:-1] > gap)
    change = apart.copy()
    change[1:] |= speakers[1:] != speakers[:-1]
    runs = np.flatnonzero(change)
    within = np.arange(len(times)) - np.repeat(runs, np.diff(np.append(runs, len(times))))
    begins = within % LONGEST_TURN == 0
    starts = np.flatnonzero(begins)
    return (np.cumsum(begins) - 1).astype(np.int32), starts.astype(np.int32), np.cumsum(apart)[starts].astype(np.int32)


def _rest(starts: Ints, sizes: Ints) -> list[tuple[Ints, Ints]]:
    found = [np.flatnonzero(sizes > place).astype(np.int32) for place in range(1, LONGEST_TURN)]
    return [(turns, starts[turns] + np.int32(place)) for place, turns in enumerate(found, 1) if len(turns)]


def _centre(index: Index, slots: Ints) -> tuple[Ints | None, Floats]:
    """The mean vector in whole numbers, and |v - mean| per row: sums of whole numbers, so exact."""
    vectors = index.slots.vectors
    mean = vectors.mean()
    if mean is None:
        return None, np.ones(len(slots), np.float32)
    squares = (vectors.squares - 2 * vectors.along(mean))[slots] + mean @ mean
    return mean, np.sqrt(np.maximum(squares, 1).astype(np.float32))


def spans(index: Index, view: View) -> tuple[Ints, NDArray[np.float64], NDArray[np.float64]]:
    """(positions, starts, ends): the moment of every row, and the times it speaks of. Worked out when first asked for."""
    if not view.spans:
        told = [(slot, span) for slot, spans_ in index.told.items() for span in spans_]
        at = view.position[np.fromiter((slot for slot, _ in told), np.int32, len(told))]
        where = np.concatenate([np.arange(len(view), dtype=np.int32), at])
        starts = np.concatenate([view.times, np.fromiter((span.start for _, span in told), np.float64, len(told))])
        ends = np.concatenate([view.times, np.fromiter((span.end for _, span in told), np.float64, len(told))])
        view.spans.append((where, starts, ends))
    return view.spans[0]


def said_by(index: Index, view: View, speaker: str) -> Floats:
    """1 where a row is this speaker's."""
    said: Floats = (view.speakers == index.codes.get(speaker, -1)).astype(np.float32)
    return said


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the turn `offset` turns earlier (negative: later; 0: its own) counts for each turn; 0 where there is no such turn."""

    offset: int
    weight: Floats


def shares(view: View, reach: Reach) -> list[Share]:
    """The shares of a reach, worked out once per view."""
    if reach not in view.shares:
        view.shares[reach] = _shares(view, reach)
    return view.shares[reach]


def _shares(view: View, reach: Reach) -> list[Share]:
    found = [Share(0, np.full(len(view.talk), reach.same, np.float32))] if reach.same else []
    for sign, all_shares in ((1, reach.back), (-1, reach.forward)):
        for distance, share in enumerate(all_shares, 1):
            into, out = _apart(sign * distance, len(view.talk))
            near = view.talk[into] == view.talk[out]
            weight = np.zeros(len(view.talk), np.float32)
            weight[into] = near * np.float32(share)
            if (sign, distance) == (1, 1):
                weight[into][near & view.asking[out]] = reach.answer
            found.append(Share(sign * distance, weight))
    return found


def _apart(offset: int, count: int) -> tuple[slice, slice]:
    """(turns that have one `offset` turns earlier, those earlier ones)."""
    into = slice(min(offset, count), count) if offset >= 0 else slice(0, max(count + offset, 0))
    return into, slice(into.start - offset, into.stop - offset)


def shared(share: Share, turns: Floats) -> tuple[slice, Floats]:
    """(turns that get something, what they get) of one number per turn."""
    into, out = _apart(share.offset, len(turns))
    return into, turns[out] * share.weight[into]


def add_by_row(view: View, values: Floats, into: slice, given: Floats) -> None:
    """Add to each row what its turn is given; `into` names the turns."""
    if not view.turn_rest:
        values[into] += given
        return
    whole = np.zeros(len(view.turn_starts), np.float32)
    whole[into] = given
    values += whole[view.turn]


def turn_best(view: View, values: Floats) -> Floats:
    """The most that any row of each turn has; `values` itself where no turn has two rows."""
    return _best(values, view.turn_starts, view.turn_rest)


def _best(values: Floats, starts: Ints, rest: list[tuple[Ints, Ints]]) -> Floats:
    if not rest:
        return values
    best = values[starts]
    for turns, rows in rest:
        best[turns] = np.maximum(best[turns], values[rows])
    return best


def by_row(view: View, turns: Floats) -> Floats:
    """Each turn's number for each of its rows."""
    return turns[view.turn] if view.turn_rest else turns
