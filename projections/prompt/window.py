"""How much of what was said goes into a prompt. It is given up rarely and in large pieces, so that the beginning stays the same. Pure."""

from collections.abc import Sequence

PIECE = 4
"""One part in so many is given up at a time."""
FLOOR = 20
"""Messages that are kept as long as they fit at all."""


def start(places: Sequence[int], sizes: Sequence[int], *, previous: int | None, limit: int, budget: int) -> int:
    """Index of the first entry that is kept.

    `places` never fall; entries of the same place, a message and its answers, stay or go together. `previous` is the place the last
    prompt of this conversation began with: it stays the beginning while there are at most `limit` entries from there on and their
    sizes fit into `budget`. Else a quarter goes at once, but not below FLOOR entries unless even those do not fit.
    """
    count = len(places)
    first = next((index for index, place in enumerate(places) if previous is not None and place >= previous), 0)
    if count - first > limit:
        first = count - _kept(limit)
    if sum(sizes[first:]) > budget:
        first = _fitting(sizes, first, budget)
    return whole(places, first)


def whole(places: Sequence[int], first: int) -> int:
    """The next index from which on every place is whole."""
    while 0 < first < len(places) and places[first] == places[first - 1]:
        first += 1
    return first


def _kept(limit: int) -> int:
    return max(limit - limit // PIECE, min(limit, FLOOR))


def _fitting(sizes: Sequence[int], first: int, budget: int) -> int:
    count, total, target = len(sizes), sum(sizes[first:]), budget - budget // PIECE
    while first < count and total > target and (count - first > FLOOR or total > budget):
        total -= sizes[first]
        first += 1
    return first
