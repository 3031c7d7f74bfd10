"""Rows of the log that were read lately."""

from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from engine.store.rows import Stored

MOST_BYTES = 16 * 2**20
ROW_BYTES = 1_000
"""What a row takes besides its data and sealed part."""
MANY = 300
"""Who asks for more positions at once reads through a lot that nobody asks for again soon."""


class Seen:
    """Keeps rows as they are stored, unopened, at most MOST_BYTES of them, those used last.

    Exact without being told of anything: the log never changes or takes away what it holds, and erasing destroys keys, not rows.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._rows: OrderedDict[int, Stored] = OrderedDict()
        self._positions: dict[UUID, int] = {}

    def by_id(self, event_id: UUID) -> Stored | None:
        position = self._positions.get(event_id)
        return None if position is None else self.at([position])[0]

    def at(self, positions: Sequence[int]) -> list[Stored]:
        """Those of the rows at these positions that are kept."""
        found = [row for position in positions if (row := self._rows.get(position)) is not None]
        for row in found:
            self._rows.move_to_end(row.position)
        return found

    def keep(self, rows: Sequence[Stored]) -> None:
        for row in rows:
            if row.position not in self._rows:
                self._rows[row.position], self._positions[row.id] = row, row.position
                self._bytes += _size(row)
        while self._bytes > self._most and self._rows:
            _, oldest = self._rows.popitem(last=False)
            del self._positions[oldest.id]
            self._bytes -= _size(oldest)


def _size(row: Stored) -> int:
    return ROW_BYTES + len(row.data) + len(row.sealed or b"")
