"""A conversation as it is shown on a page: what has become visible, and what is still being answered.

Reads several read models, owns none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine.store.codec import ERASED, open_fields
from engine.vault import Vault
from projections.models.places import chat_marks
from projections.models.places.chat_marks import UNMARKED
from projections.models.places.forks import STILL_THERE
from projections.replies import OVER

KEPT_HERE = "blob:"
"""Begins the address of a picture that is kept here."""


@dataclass(frozen=True, slots=True)
class ChatLine:
    """One visible message or reply. `seen` is the log position at which it became visible, or last changed.

    Lines are ordered by `message_id`, which another version of a reply keeps.

    For a failed turn `kind` is error, and `text` is empty: what went wrong is in the turn's event.
    """

    seen: int
    kind: Literal["message", "reply", "error"]
    message_id: int
    turn: UUID | None
    character: UUID | None
    author_id: int
    author_name: str
    reply_to: int | None
    sent_at: datetime
    text: str
    category: str | None = None
    reference: str | None = None
    forked: bool = False
    """Whether it was said in another conversation, which this one goes on from."""
    pictures: tuple[str, ...] = ()
    """Addresses of pictures on it that are kept here."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A turn whose answer is not visible yet. `status` is pending, completed or failed."""

    turn: UUID
    character: UUID
    message_id: int
    status: str
    attempts: int
    requested_at: datetime
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation in a list of them: the first thing said in it, and when it was last heard of."""

    channel: int
    character: UUID
    position: int
    title: str
    messages: int
    at: datetime


@dataclass(frozen=True, slots=True)
class _Row:
    seen: int | None
    kind: Literal["message", "reply", "error"]
    message_id: int | None
    turn: UUID | None
    character: UUID | None
    author_id: int
    reply_to: int | None
    sent_at: datetime
    subject: str | None
    event_id: UUID | None
    event_type: str | None
    schema_version: int | None
    sealed: bytes | None
    edit_id: UUID | None
    edit_schema_version: int | None
    edit_sealed: bytes | None
    category: str | None
    reference: str | None
    forked: bool


_SAID = """
SELECT CASE WHEN e.kind = 'message' THEN e.position ELSE d.done_position END AS seen, e.kind,
       coalesce(e.message_id, (SELECT min(r.message_id) FROM history.reply_messages r WHERE r.turn = e.turn)) AS message_id,
       e.turn, e.character, e.author_id, e.reply_to, e.sent_at, e.subject, e.event_id, e.event_type, e.schema_version,
       e.sealed, e.edit_id, e.edit_schema_version, e.edit_sealed, NULL::text AS category, NULL::text AS reference, false AS forked
FROM history.entries e LEFT JOIN deliveries.deliveries d ON d.turn = e.turn AND d.status = 'delivered'
WHERE e.channel = %(channel)s AND e.live AND NOT e.gone AND e.position < %(before)s ORDER BY e.position DESC LIMIT %(limit)s
"""
# What a fork took over: as it was said elsewhere, with the text of then. It became visible here with the fork.
_FORKED = f"""
SELECT f.since AS seen, e.kind,
       coalesce(e.message_id, (SELECT min(r.message_id) FROM history.reply_messages r WHERE r.turn = e.turn), e.reply_to + 1) AS message_id,
       e.turn, e.character, e.author_id, e.reply_to, e.sent_at, e.subject, e.event_id, e.event_type, e.schema_version,
       e.sealed, d.event_id AS edit_id, d.schema_version AS edit_schema_version, d.sealed AS edit_sealed,
       NULL::text AS category, NULL::text AS reference, true AS forked
FROM (SELECT l.position, l.edit, k.position AS since FROM forks.lines l JOIN forks.forks k ON k.channel = l.channel
      WHERE l.channel = %(channel)s AND l.position < %(before)s ORDER BY l.position DESC LIMIT %(limit)s) AS f
JOIN history.entries e ON e.position = f.position LEFT JOIN events d ON d.position = f.edit WHERE {STILL_THERE}
"""
_FAILED = f"""
SELECT d.done_position AS seen, 'error' AS kind, (SELECT min(c.message_id) FROM deliveries.chunks c WHERE c.turn = t.turn) AS message_id,
       t.turn, t.character, t.user_id AS author_id, t.message_id AS reply_to, t.ended_at AS sent_at, NULL::text AS subject,
       NULL::uuid AS event_id, NULL::text AS event_type, NULL::integer AS schema_version, NULL::bytea AS sealed,
       NULL::uuid AS edit_id, NULL::integer AS edit_schema_version, NULL::bytea AS edit_sealed,
       t.category, t.reference, false AS forked
FROM turns.turns t JOIN deliveries.deliveries d ON d.turn = t.turn AND d.status = 'delivered'
WHERE t.channel = %(channel)s AND t.status = 'failed' AND t.position < %(before)s AND t.position > coalesce(
    (SELECT min(p.position) FROM (SELECT position FROM history.entries WHERE channel = %(channel)s AND position < %(before)s
                                  ORDER BY position DESC LIMIT %(limit)s) AS p HAVING count(*) >= %(limit)s), 0)
  AND NOT {OVER}
ORDER BY t.position DESC LIMIT %(limit)s
"""


async def lines(
    connection: AsyncConnection, vault: Vault, channel: int, *, after: int = 0, before: int | None = None, limit: int = 100
) -> list[ChatLine]:
    """What is visible of the last `limit` things said in a channel before a position, oldest first, with the failed answers between them.

    Only what became visible after `after`. Read models move one by one: nothing is shown before all of them show it, so that a
    reader who goes on after the last line misses none.
    """
    upto = await shown_by_all(connection)
    parameters = {"channel": channel, "before": before if before is not None else 1 << 62, "limit": limit}
    rows: list[_Row] = []
    for statement in (_SAID, _FORKED, _FAILED):
        async with connection.cursor(row_factory=class_row(_Row), binary=True) as cursor:
            await cursor.execute(statement.encode(), parameters)
            rows += await cursor.fetchall()
    visible = [row for row in rows if row.seen is not None and after < row.seen <= upto and row.message_id is not None]
    return await _open(vault, sorted(visible, key=lambda row: row.message_id or 0))


async def shown_by_all(connection: AsyncConnection) -> int:
    """Position up to which every read model that a page is made of has come."""
    statement = b"SELECT min(position) FROM projections WHERE role = 'live' AND name IN ('history', 'turns', 'deliveries', 'forks')"
    row = await (await connection.execute(statement)).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


_EDGE = b"""
SELECT position FROM (
    (SELECT position FROM history.entries WHERE channel = %(channel)s AND position < %(before)s ORDER BY position DESC LIMIT %(limit)s + 2)
    UNION ALL
    (SELECT position FROM forks.lines WHERE channel = %(channel)s AND position < %(before)s ORDER BY position DESC LIMIT %(limit)s + 2)
) AS said ORDER BY position DESC LIMIT 2 OFFSET %(limit)s
"""


async def page_edge(connection: AsyncConnection, channel: int, *, before: int | None = None, limit: int = 100) -> int | None:
    """Position of the oldest of the `limit` entries before a position, when there are older ones still."""
    parameters = {"channel": channel, "before": before if before is not None else 1 << 62, "limit": limit - 1}
    rows = await (await connection.execute(_EDGE, parameters)).fetchall()
    return int(rows[0][0]) if len(rows) == 2 else None


async def waiting(connection: AsyncConnection, channel: int) -> list[Waiting]:
    """The turns of a channel whose answer nobody has seen yet, in the order in which answers will appear."""
    statement = b"""
    SELECT t.turn, t.character, t.message_id, t.status, t.attempts, t.requested_at, t.epoch
    FROM (SELECT * FROM turns.turns WHERE channel = %s ORDER BY position DESC LIMIT 50) AS t
    LEFT JOIN deliveries.deliveries d ON d.turn = t.turn
    WHERE t.status = 'pending' OR (t.status NOT IN ('cancelled', 'declined')
          AND (d.status IS NULL OR (d.status IN ('due', 'intended') AND d.cause IS NULL)))
    ORDER BY t.message_id, t.slot
    """
    async with connection.cursor(row_factory=class_row(Waiting), binary=True) as cursor:
        await cursor.execute(statement, (channel,))
        return await cursor.fetchall()


async def chats(connection: AsyncConnection, vault: Vault, user_id: int, *, venue: str, limit: int = 40) -> list[Chat]:
    """A person's conversations, the latest first, without the deleted ones. Each under its title, or else the first words said in it."""
    statement = b"""
    SELECT s.channel,
           coalesce((SELECT a.character FROM channels.activations a WHERE a.channel = s.channel ORDER BY a.position LIMIT 1), s.character),
           s.position, coalesce(n.messages, 0), e.sent_at, e.subject, e.event_id, e.event_type, e.schema_version, e.sealed
    FROM (SELECT channel, character, position FROM channels.sessions c WHERE user_id = %(user)s AND venue = %(venue)s
            AND NOT EXISTS (SELECT 1 FROM chat_marks.marks m WHERE m.channel = c.channel AND m.deleted)
          UNION ALL SELECT channel, character, position FROM forks.forks k WHERE user_id = %(user)s AND venue = %(venue)s
            AND NOT EXISTS (SELECT 1 FROM channels.sessions t WHERE t.channel = k.channel)
            AND NOT EXISTS (SELECT 1 FROM chat_marks.marks m WHERE m.channel = k.channel AND m.deleted)
          ORDER BY position DESC LIMIT %(limit)s) AS s
    LEFT JOIN channels.seen n ON n.channel = s.channel
    JOIN LATERAL (
        (SELECT h.* FROM forks.lines l JOIN history.entries h ON h.position = l.position
         WHERE l.channel = s.channel AND h.kind = 'message' AND NOT h.gone ORDER BY l.position LIMIT 1)
        UNION ALL (SELECT h.* FROM history.entries h WHERE h.channel = s.channel AND h.kind = 'message' AND NOT h.gone
                   ORDER BY h.position LIMIT 1)
        LIMIT 1) AS e ON true
    ORDER BY s.position DESC
    """
    rows = await (await connection.execute(statement, {"user": user_id, "venue": venue, "limit": limit})).fetchall()
    keys = await vault.keys({row[5] for row in rows})
    marks = await chat_marks.of(connection, vault, [row[0] for row in rows])
    return [
        Chat(
            channel,
            character,
            position,
            marks.get(channel, UNMARKED).title
            or _text(open_fields(sealed, key, event_id, type_, schema_version) if (key := keys.get(subject)) else None),
            messages,
            at,
        )
        for channel, character, position, messages, at, subject, event_id, type_, schema_version, sealed in rows
    ]


async def is_chat(connection: AsyncConnection, channel: int, user_id: int, *, venue: str) -> bool:
    """Whether this person talks in this channel."""
    row = await (
        await connection.execute(
            b"SELECT 1 FROM channels.sessions WHERE channel = %(channel)s AND user_id = %(user)s AND venue = %(venue)s UNION ALL"
            b" SELECT 1 FROM forks.forks WHERE channel = %(channel)s AND user_id = %(user)s AND venue = %(venue)s",
            {"channel": channel, "user": user_id, "venue": venue},
        )
    ).fetchone()
    return row is not None


async def _open(vault: Vault, rows: Sequence[_Row]) -> list[ChatLine]:
    keys = await vault.keys({row.subject for row in rows if row.subject is not None})
    return [_line(row, _fields(row, keys)) for row in rows]


def _fields(row: _Row, keys: dict[str, Any]) -> dict[str, Any] | None:
    key = keys.get(row.subject or "")
    if row.sealed is None or row.event_id is None or key is None:
        return {"text": ""} if row.kind == "error" else None
    fields = open_fields(row.sealed, key, row.event_id, row.event_type or "", row.schema_version or 1)
    if row.edit_sealed is not None and row.edit_id is not None:
        fields |= open_fields(row.edit_sealed, key, row.edit_id, "message.edited", row.edit_schema_version or 1)
    return fields


def _line(row: _Row, fields: dict[str, Any] | None) -> ChatLine:
    return ChatLine(
        seen=row.seen or 0,
        kind=row.kind,
        message_id=row.message_id or 0,
        turn=row.turn,
        character=row.character,
        author_id=row.author_id,
        author_name=ERASED if fields is None else fields.get("author_name", ""),
        reply_to=row.reply_to,
        sent_at=row.sent_at,
        text=_text(fields),
        category=row.category,
        reference=row.reference,
        forked=row.forked,
        pictures=_pictures(fields or {}),
    )


def _pictures(fields: Mapping[str, Any]) -> tuple[str, ...]:
    urls = [str(one.get("url", "")) for one in fields.get("attachments", ()) if isinstance(one, dict)]
    return tuple(url.removeprefix(KEPT_HERE) for url in urls if url.startswith(KEPT_HERE))


def _text(fields: dict[str, Any] | None) -> str:
    return ERASED if fields is None else str(fields.get("text", ""))
