"""Who talks with whom: how often each character answered each person, when last, and how much is noted. Counted from read models."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from projections.base import sql


@dataclass(frozen=True, slots=True)
class Relationship:
    """A person and a character. `replies` are those that stand, `notes` what is noted of the person for it."""

    person: int
    character: UUID
    replies: int
    last: datetime
    notes: int


_PAIRS = """
SELECT r.*, (SELECT count(*) FROM memory.notes n
             WHERE n.person = r.person AND NOT n.gone AND (n.character IS NULL OR n.character = r.character)) AS notes
FROM (SELECT e.author_id AS person, e.character, count(*) AS replies, max(e.sent_at) AS last FROM history.entries e
      WHERE e.kind = 'reply' AND e.live AND NOT e.gone AND e.character IS NOT NULL
        AND (%(person)s::bigint IS NULL OR e.author_id = %(person)s)
      GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %(limit)s) AS r
ORDER BY r.replies DESC, r.person, r.character
"""


async def pairs(connection: AsyncConnection, person: int | None = None, *, limit: int = 40) -> Sequence[Relationship]:
    """The strongest relationships, of a person or of all."""
    async with connection.cursor(row_factory=class_row(Relationship)) as cursor:
        await cursor.execute(sql(_PAIRS, ""), {"person": person, "limit": limit})
        return await cursor.fetchall()
