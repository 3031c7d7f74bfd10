"""What was said in a channel, in groups of equal size: every message belongs to exactly one, by its number, whatever becomes of it."""

from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from projections.base import sql
from projections.models.memories.memory_scope import STANDS_FOR_ALL


@dataclass(frozen=True, slots=True)
class Spoken:
    """One thing said in a group that may be made something of. `ref` is that of memory_scope, `edit` the position of its edit."""

    position: int
    ref: str
    kind: str
    message_id: int | None
    turn: UUID | None
    edit: int | None
    author_id: int
    author_kind: str


_STANDS = STANDS_FOR_ALL.replace("= %(reader)s", "IS NOT NULL")
"""What is made of something is met by every character: what was forgotten, or said incognito, with one of them is left out for all."""
_GROUP = f"""
WITH asked AS (
    SELECT position FROM (
        SELECT position, row_number() OVER (ORDER BY position) - 1 AS number
        FROM history.entries WHERE channel = %(channel)s AND kind = 'message') AS numbered
    WHERE number >= %(first)s AND number < %(end)s)
SELECT e.position, e.position || coalesce('~' || e.edit_position, '') AS ref, e.kind, e.message_id, e.turn, e.edit_position AS edit,
       e.author_id, e.author_kind
FROM history.entries e
WHERE e.channel = %(channel)s AND e.asked IN (SELECT position FROM asked) AND {_STANDS}
  AND NOT EXISTS (SELECT 1 FROM scenes.whispers w WHERE w.message_id = coalesce(e.message_id, e.reply_to))
  AND NOT EXISTS (SELECT 1 FROM memory.choices c WHERE c.person = e.author_id AND NOT c.derive)
ORDER BY e.asked, e.place
"""


async def spoken(connection: AsyncConnection, channel: int, first: int, end: int) -> list[Spoken]:
    """What still stands of the messages numbered `first` to `end` and of the answers to them, in order.

    Left out is what was deleted, forgotten, whispered or said incognito, and what people want nothing made of.
    """
    async with connection.cursor(row_factory=class_row(Spoken)) as cursor:
        await cursor.execute(sql(_GROUP, ""), {"channel": channel, "first": first, "end": end, "reader": None})
        return await cursor.fetchall()
