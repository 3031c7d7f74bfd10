"""Consolidations of a person's memories: what was hidden in whose favour, when, and whether that was taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from projections.base import sql


@dataclass(frozen=True, slots=True)
class DreamRow:
    """One dream. `hidden` and `kept` go together, one for one; `added` are reflections."""

    dream: UUID
    person: int
    why: str
    at: datetime
    undone: bool
    hidden: list[UUID]
    kept: list[UUID]
    added: list[UUID]

    @property
    def name(self) -> str:
        """What people call it by."""
        return self.dream.hex[-8:]


_LISTED = """
SELECT d.dream, d.person, d.why, d.at, d.undone,
       coalesce(array_agg(x.memory ORDER BY x.memory) FILTER (WHERE NOT x.added), '{}') AS hidden,
       coalesce(array_agg(x.kept ORDER BY x.memory) FILTER (WHERE NOT x.added), '{}') AS kept,
       coalesce(array_agg(x.memory ORDER BY x.memory) FILTER (WHERE x.added), '{}') AS added
FROM memory.dreams d LEFT JOIN memory.dreamed x ON x.dream = d.dream
WHERE %(person)s::bigint IS NULL OR d.person = %(person)s
GROUP BY d.dream, d.person, d.why, d.at, d.undone, d.position ORDER BY d.position DESC LIMIT %(limit)s
"""


async def listed(connection: AsyncConnection, person: int | None, *, limit: int = 100) -> Sequence[DreamRow]:
    """A person's dreams, or everybody's, the latest first."""
    async with connection.cursor(row_factory=class_row(DreamRow)) as cursor:
        await cursor.execute(sql(_LISTED, ""), {"person": person, "limit": limit})
        return await cursor.fetchall()
