"""Events that were opened a moment ago: the same forty of a conversation are looked at again with each of its turns."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.events.base import Event
from engine.sealing import DataKey
from engine.store import codec
from engine.store.rows import Recorded, Stored

KEPT_SECONDS = 60.0
"""How long an opened event is kept after it was last asked for: no longer than an erased text may be readable anywhere."""
MOST = 2_000
MOST_BYTES = 8_192
"""Of a row that is kept: large ones are rare, and cost little beside what is done with them."""


class _Kept(NamedTuple):
    recorded: Recorded[Event]
    key: DataKey | None
    until: float


class Opened:
    """Opens rows. Whoever asks gives the keys there are now: what was opened with another one, or with one that is gone, is forgotten."""

    def __init__(self, seconds: float = KEPT_SECONDS, most: int = MOST) -> None:
        self._seconds, self._most = seconds, most
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def open(self, rows: Sequence[Stored], keys: Mapping[str, DataKey]) -> list[Recorded[Event]]:
        """See codec.unpack. `keys` are those of the rows' subjects; one that lacks was destroyed."""
        now = time.monotonic()
        found = [self._one(row, keys.get(row.subject or ""), now) for row in rows]
        if self._kept and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._forget)
        return found

    def _one(self, row: Stored, key: DataKey | None, now: float) -> Recorded[Event]:
        known = self._kept.pop(row.position, None)
        if known is not None and known.recorded.row == row and (row.sealed is None or _same(known.key, key)):
            self._kept[row.position] = known._replace(until=now + self._seconds)
            return known.recorded
        recorded = codec.unpack(row, key)
        if not recorded.erased and len(row.data) + len(row.sealed or b"") <= MOST_BYTES:
            self._kept[row.position] = _Kept(recorded, key, now + self._seconds)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return recorded

    def _forget(self) -> None:
        """Let go of what was not asked for lately, also while nobody asks for anything."""
        self._timer, now = None, time.monotonic()
        while self._kept and (first := next(iter(self._kept.values()))).until <= now:
            self._kept.popitem(last=False)
        if self._kept:
            self._timer = asyncio.get_running_loop().call_later(max(first.until - now, 0.0), self._forget)


def _same(one: DataKey | None, other: DataKey | None) -> bool:
    return one is other or (one is not None and other is not None and one.secret == other.secret)
