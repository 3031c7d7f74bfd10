"""Who talks with whom: how often each character answered each person, when last, how much is noted, and how they stand to each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from projections.base import sql
from projections.models.memories.groups import NONE_MADE, STANDS_FOR_EVERY, Spoken


@dataclass(frozen=True, slots=True)
class Relationship:
    """A person and a character. `replies` are those that stand, `notes` what is noted of the person for it.

    `newest` is the memory that says how they stand to each other, the last one that was read.
    """

    person: int
    character: UUID
    replies: int
    last: datetime
    notes: int
    newest: UUID | None = None


@dataclass(frozen=True, slots=True)
class Bond:
    """A person and a character in one channel, where the character answered `replies` times."""

    channel: int
    person: int
    character: UUID
    replies: int


_PAIRS = """
SELECT r.*, (SELECT count(*) FROM memory.notes n
             WHERE n.person = r.person AND NOT n.gone AND (n.character IS NULL OR n.character = r.character)) AS notes,
            (SELECT n.memory FROM memory.notes n
             WHERE n.person = r.person AND n.character = r.character AND n.origin = 'relationship' AND NOT n.gone
             ORDER BY n.noted DESC LIMIT 1) AS newest
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


_BONDS = """
SELECT channel, author_id AS person, character, count(*) AS replies FROM history.entries
WHERE kind = 'reply' AND live AND channel = %(channel)s AND character IS NOT NULL GROUP BY 1, 2, 3 HAVING count(*) >= %(least)s
ORDER BY 2, 3
"""
# What they said to each other: messages of the person that the character answered, and its answers.
_BETWEEN = f"""
WITH answered AS (
    SELECT asked FROM history.entries WHERE channel = %(channel)s AND kind = 'reply' AND live AND author_id = %(person)s
      AND character = %(character)s ORDER BY asked LIMIT %(most)s OFFSET %(after)s)
SELECT e.position, e.position || coalesce('~' || e.edit_position, '') AS ref, e.kind, e.message_id, e.turn, e.edit_position AS edit,
       e.author_id, e.author_kind
FROM history.entries e
WHERE e.channel = %(channel)s AND e.asked IN (SELECT asked FROM answered) AND e.author_id = %(person)s
  AND (e.kind = 'message' OR e.character = %(character)s) AND {STANDS_FOR_EVERY} AND {NONE_MADE}
ORDER BY e.asked, e.place
"""


async def bonds(connection: AsyncConnection, channel: int, least: int) -> Sequence[Bond]:
    """Who was answered by whom in a channel, at least so often."""
    async with connection.cursor(row_factory=class_row(Bond)) as cursor:
        await cursor.execute(sql(_BONDS, ""), {"channel": channel, "least": least})
        return await cursor.fetchall()


async def exchanged(connection: AsyncConnection, bond: Bond, after: int, most: int) -> list[Spoken]:
    """What still stands of what they said to each other, in order: `most` answers behind the first `after`, with what they answer.

    Left out is what was deleted, forgotten, whispered or said incognito, and what people want nothing made of.
    """
    wanted = {"channel": bond.channel, "person": bond.person, "character": bond.character, "after": after, "most": most, "reader": None}
    async with connection.cursor(row_factory=class_row(Spoken)) as cursor:
        await cursor.execute(sql(_BETWEEN, ""), wanted)
        return await cursor.fetchall()
