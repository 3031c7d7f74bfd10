"""What was said in a channel, in groups of equal size or equal time: every message belongs to exactly one, whatever becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine.decide.due import EPOCH
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


@dataclass(frozen=True, slots=True)
class Grouping:
    """By so many messages, or by so much time (UTC, from the epoch on)."""

    size: int = 0
    period: timedelta = timedelta()

    @property
    def name(self) -> str:
        """`50` messages or `3600s`: part of the id of what is made of a group, so it never changes."""
        return str(self.size) if self.size else f"{int(self.period.total_seconds())}s"


STANDS_FOR_EVERY = STANDS_FOR_ALL.replace("= %(reader)s", "IS NOT NULL")
"""What is made of something is met by every character: what was forgotten, or said incognito, with one of them is left out for all."""
NONE_MADE = """
NOT EXISTS (SELECT 1 FROM scenes.whispers w WHERE w.message_id = coalesce(e.message_id, e.reply_to))
  AND NOT EXISTS (SELECT 1 FROM memory.choices c WHERE c.person = e.author_id AND NOT c.derive)
"""
"""Of what nobody whispered, and whose person does not want that nothing is made of it."""
_BY_COUNT = """
SELECT position FROM (
    SELECT position, row_number() OVER (ORDER BY position) - 1 AS number
    FROM history.entries WHERE channel = %(channel)s AND kind = 'message') AS numbered
WHERE number >= %(first)s AND number < %(end)s
"""
_BY_TIME = """
SELECT position FROM history.entries
WHERE channel = %(channel)s AND kind = 'message' AND sent_at >= %(first)s AND sent_at < %(end)s
"""
_GROUP = f"""
WITH asked AS ({{asked}})
SELECT e.position, e.position || coalesce('~' || e.edit_position, '') AS ref, e.kind, e.message_id, e.turn, e.edit_position AS edit,
       e.author_id, e.author_kind
FROM history.entries e
WHERE e.channel = %(channel)s AND e.asked IN (SELECT position FROM asked) AND {STANDS_FOR_EVERY} AND {NONE_MADE}
ORDER BY e.asked, e.place
"""


async def spoken(connection: AsyncConnection, channel: int, grouping: Grouping, number: int) -> list[Spoken]:
    """What still stands of the messages of a group and of the answers to them, in order.

    Left out is what was deleted, forgotten, whispered or said incognito, and what people want nothing made of.
    """
    bounds: dict[str, object] = {"first": number * grouping.size, "end": (number + 1) * grouping.size}
    if not grouping.size:
        bounds = {"first": EPOCH + number * grouping.period, "end": EPOCH + (number + 1) * grouping.period}
    statement = _GROUP.replace("{asked}", _BY_COUNT if grouping.size else _BY_TIME)
    async with connection.cursor(row_factory=class_row(Spoken)) as cursor:
        await cursor.execute(sql(statement, ""), {"channel": channel, "reader": None} | bounds)
        return await cursor.fetchall()


async def closed(connection: AsyncConnection, channel: int, grouping: Grouping, now: datetime) -> Sequence[int]:
    """The numbers of all groups of a channel that no further message can come into, in order."""
    if grouping.size:
        statement = "SELECT count(*) FROM history.entries WHERE channel = %s AND kind = 'message'"
        row = await (await connection.execute(sql(statement, ""), (channel,))).fetchone()
        return range(row[0] // grouping.size if row else 0)
    seconds = int(grouping.period.total_seconds())
    statement = """
    SELECT DISTINCT floor(extract(epoch FROM sent_at) / %s)::bigint FROM history.entries WHERE channel = %s AND kind = 'message' ORDER BY 1
    """
    rows = await (await connection.execute(sql(statement, ""), (seconds, channel))).fetchall()
    return [number for (number,) in rows if number < (now.astimezone(UTC) - EPOCH) // grouping.period]
