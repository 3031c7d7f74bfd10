"""Replies as people change them: whose a message is, which versions there are, which messages stand there no more.

Reads several read models, owns none.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection

Reply = tuple[int, UUID]
"""The message that is answered, and the character that answers it."""


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of a reply in the order they came, without those that were removed; `segments` stand below one of them."""

    made: tuple[UUID, ...] = ()
    segments: frozenset[UUID] = frozenset()


ALONE = Versions()
"""Of a reply that nobody has changed."""
OVER = """
EXISTS (SELECT 1 FROM history.versions a WHERE a.turn = t.turn AND (a.closed OR EXISTS (
    SELECT 1 FROM history.versions b JOIN deliveries.deliveries o ON o.turn = b.turn AND o.status = 'delivered'
    WHERE b.message_id = a.message_id AND b.character = a.character AND b.turn <> a.turn AND o.position > d.position)))
"""
"""Condition on a failed turn `t` with its delivery `d`: something else was shown in the place of its notice since."""
_VERSIONS = b"""
SELECT v.message_id, v.character, v.turn, v.continues IS NOT NULL
FROM unnest(%s::bigint[], %s::uuid[]) AS r (message_id, character) JOIN history.versions v USING (message_id, character)
JOIN history.entries e ON e.turn = v.turn WHERE NOT e.gone ORDER BY e.position
"""
_GONE = f"""
WITH touched AS (
    SELECT DISTINCT v.message_id, v.character FROM events e JOIN history.versions v ON v.turn = e.turn
    WHERE e.position > %(after)s AND e.position <= %(until)s AND e.channel = %(channel)s AND e.type = 'reply.delivered'
), versions AS (SELECT v.* FROM touched JOIN history.versions v USING (message_id, character))
SELECT r.message_id FROM versions v JOIN history.entries e ON e.turn = v.turn AND (e.gone OR NOT e.live)
JOIN history.reply_messages r ON r.turn = v.turn
UNION
SELECT c.message_id FROM versions v JOIN turns.turns t ON t.turn = v.turn AND t.status = 'failed'
JOIN deliveries.deliveries d ON d.turn = t.turn JOIN deliveries.chunks c ON c.turn = t.turn
WHERE {OVER} AND NOT EXISTS (SELECT 1 FROM history.reply_messages r JOIN history.entries e ON e.turn = r.turn AND e.live AND NOT e.gone
                             WHERE r.message_id = c.message_id)
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one message of a character's shows: the version, segment or notice `turn` of the reply to `message_id`, in this channel."""

    message_id: int
    character: UUID
    turn: UUID
    channel: int
    segment: bool = False


async def of_message(connection: AsyncConnection, message_id: int) -> Shown | None:
    """What a message shows, however old it is; None for a message that is no reply."""
    statement = b"""
    SELECT coalesce(e.reply_to, t.message_id), r.character, r.turn, r.channel,
           EXISTS (SELECT 1 FROM history.versions v WHERE v.turn = r.turn AND v.continues IS NOT NULL)
    FROM history.reply_messages r
    LEFT JOIN history.entries e ON e.turn = r.turn LEFT JOIN turns.turns t ON t.turn = r.turn WHERE r.message_id = %s
    """
    row = await (await connection.execute(statement, (message_id,))).fetchone()
    return Shown(*row) if row and row[0] is not None else None


async def reacted_to(connection: AsyncConnection, messages: Collection[int]) -> set[int]:
    """Those of these messages that somebody ever reacted to."""
    statement = b"SELECT DISTINCT stream FROM events WHERE stream = ANY(%s)"
    rows = await (await connection.execute(statement, ([f"reaction:{message}" for message in messages],))).fetchall()
    return {int(stream.partition(":")[2]) for (stream,) in rows}


async def left_behind(connection: AsyncConnection, positions: Collection[int]) -> list[int]:
    """Those of the positions at which a reply stands that is not shown any more, or not in that version."""
    statement = b"SELECT position FROM history.entries WHERE position = ANY(%s) AND kind = 'reply' AND (gone OR NOT live) ORDER BY position"
    return [row[0] for row in await (await connection.execute(statement, (list(positions),))).fetchall()]


async def versions(connection: AsyncConnection, replies: Collection[Reply]) -> dict[Reply, Versions]:
    """The versions of those of these replies that have several."""
    wanted = list(replies)
    rows = await (await connection.execute(_VERSIONS, ([r[0] for r in wanted], [r[1] for r in wanted]))).fetchall()
    found: dict[Reply, Versions] = {}
    for message, character, turn, continues in rows:
        before = found.get((message, character), ALONE)
        made = before.made if continues else (*before.made, turn)
        found[message, character] = Versions(made, before.segments | {turn} if continues else before.segments)
    return found


async def gone(connection: AsyncConnection, channel: int, after: int, until: int) -> list[int]:
    """Messages of replies that stand in the channel no more since something was shown between two positions."""
    cursor = await connection.execute(_GONE.encode(), {"channel": channel, "after": after, "until": until})
    return sorted(row[0] for row in await cursor.fetchall())
