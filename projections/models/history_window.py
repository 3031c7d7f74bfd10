"""Which entries of the history a prompt may use: positions only, no text is opened."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from projections import unchanged
from projections.base import sql
from projections.models.memories.memory_scope import FORGOTTEN
from projections.models.places.forks import STILL_THERE
from projections.models.places.scenes import SEEN


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `asked` is the position of the message it belongs to: its own, or that of the message it answers.

    `edit` is where the text it has now stands, `reply_to` the message a person replied to, `message_id` that of a person's message.
    """

    position: int
    asked: int
    kind: Literal["message", "reply", "cue"]
    character: UUID | None
    reply_to: int | None
    edit: int | None
    message_id: int | None = None


_LINE = "e.position, e.asked, e.kind, e.character, e.reply_to, e.edit_position AS edit, e.message_id"
_SINCE_RESET = """
e.asked > coalesce((SELECT max(position) FROM {schema}.resets WHERE channel = %(channel)s
                    AND (character IS NULL OR character = %(reader)s)), 0)
"""
_NOT_BLOCKED = """
NOT (e.kind = 'message' AND EXISTS (
    SELECT 1 FROM access.denials d WHERE d.user_id = e.author_id AND d.mode = 'block' AND (d.scope, d.target) IN
        (('bot', ''), ('guild', coalesce(e.guild::text, '-')), ('channel', e.channel::text), ('character', %(reader)s::text))))
"""
"""What somebody says who is blocked there is shown to no model (H1)."""
_MAY_BE_SHOWN = f"{_SINCE_RESET} AND {_NOT_BLOCKED} AND NOT {FORGOTTEN} AND {SEEN}"
_BEFORE = f"""
SELECT position, asked, kind, character, reply_to, edit, message_id FROM (
    SELECT latest.*, sum(bytes) OVER (ORDER BY asked DESC, place DESC) - bytes AS newer FROM (
        (SELECT {_LINE}, e.place, octet_length(e.sealed) AS bytes FROM {{schema}}.entries e
        WHERE e.channel = %(channel)s AND e.asked < %(until)s AND e.live AND NOT e.gone
          AND (%(since)s::timestamptz IS NULL OR e.sent_at >= %(since)s) AND {_MAY_BE_SHOWN}
        ORDER BY e.asked DESC, e.place DESC LIMIT %(limit)s)
        UNION ALL
        (SELECT f.position, f.asked, e.kind, e.character, e.reply_to, f.edit, e.message_id, f.place, octet_length(e.sealed)
        FROM forks.lines f JOIN {{schema}}.entries e ON e.position = f.position
        WHERE f.channel = %(channel)s AND (%(since)s::timestamptz IS NULL OR e.sent_at >= %(since)s) AND {STILL_THERE} AND {_MAY_BE_SHOWN}
        ORDER BY f.asked DESC, f.place DESC LIMIT %(limit)s)
        ORDER BY asked DESC, place DESC LIMIT %(limit)s) AS latest) AS measured
WHERE newer < %(most)s ORDER BY asked, place
"""


_MESSAGE = f"""
SELECT {_LINE} FROM {{schema}}.entries e WHERE e.message_id = %(message)s AND e.kind = 'message' AND NOT e.gone
UNION ALL SELECT position, position, 'cue', NULL, NULL, NULL, message_id FROM {{schema}}.cues WHERE message_id = %(message)s
"""


async def message(connection: AsyncConnection, message_id: int, *, schema: str = "history") -> Line | None:
    """A person's message, or what stands in its place where a character speaks unasked; None when it is not there or was deleted."""
    found = await unchanged.rows(connection, [schema], sql(_MESSAGE, schema), {"message": message_id})
    return Line(*found[0]) if found else None


async def before(
    connection: AsyncConnection,
    channel: int,
    until: int,
    *,
    reader: UUID,
    limit: int,
    since: datetime | None,
    most_bytes: int,
    schema: str = "history",
) -> list[Line]:
    """The last `limit` entries before the message at position `until`, oldest first, each reply right after what it answers.

    Answers to earlier messages count also when they came after it. No further back than `most_bytes` of sealed text, `since`, and
    the last reset of the character `reader`.
    """
    parameters = {"channel": channel, "until": until, "reader": reader, "limit": limit, "since": since, "most": most_bytes}
    async with connection.cursor(row_factory=class_row(Line), binary=True) as cursor:
        await cursor.execute(sql(_BEFORE, schema), parameters)
        return await cursor.fetchall()


async def replied_to(
    connection: AsyncConnection, channel: int, reader: UUID, messages: Collection[int], *, schema: str = "history"
) -> dict[int, Line]:
    """Message id -> the entry it is of, a person's message or the shown version of a reply, as far as the reader may see it."""
    if not messages:
        return {}
    statement = f"""
    SELECT m.id, {_LINE} FROM unnest(%(messages)s::bigint[]) AS m (id)
    LEFT JOIN {{schema}}.reply_messages r ON r.message_id = m.id
    JOIN {{schema}}.entries e ON e.message_id = m.id OR e.turn = r.turn
    WHERE {_MAY_BE_SHOWN} AND (e.channel = %(channel)s AND e.live AND NOT e.gone OR {STILL_THERE} AND EXISTS (
        SELECT 1 FROM forks.lines f WHERE f.channel = %(channel)s AND f.position = e.position))
    """
    cursor = await connection.execute(sql(statement, schema), {"messages": list(messages), "channel": channel, "reader": reader})
    return {row[0]: Line(*row[1:]) for row in await cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class Request:
    """Why a later version of a reply is made: position of what asked for it, and those of the texts it is to go on after."""

    position: int
    so_far: tuple[int, ...]


_REQUEST = """
SELECT v.asked, ARRAY(SELECT e.position FROM {schema}.versions w JOIN {schema}.entries e ON e.turn = w.turn
                      WHERE w.message_id = v.message_id AND w.character = v.character AND w.turn <> v.turn AND NOT e.gone
                        AND (w.turn = v.continues OR w.continues = v.continues) ORDER BY e.place)
FROM {schema}.versions v WHERE v.turn = %s AND v.asked IS NOT NULL
"""


async def request(connection: AsyncConnection, turn: UUID, *, schema: str = "history") -> Request | None:
    """The request of a turn that is not the first answer; None for one that is."""
    row = await (await connection.execute(sql(_REQUEST, schema), (turn,))).fetchone()
    return Request(row[0], tuple(row[1])) if row else None


async def length(connection: AsyncConnection, channel: int, until: int, *, reader: UUID, schema: str = "history") -> tuple[int, int]:
    """(entries, people's messages among them) from the last reset of `reader` on, up to the message at position `until`, which counts.

    With those that the channel has taken over from another.
    """
    statement = f"""
    SELECT count(*), count(*) FILTER (WHERE kind = 'message') FROM (
        SELECT e.kind FROM {{schema}}.entries e
        WHERE e.channel = %(channel)s AND e.asked <= %(until)s AND NOT (e.asked = %(until)s AND e.kind <> 'message')
          AND e.live AND NOT e.gone AND {_SINCE_RESET}
        UNION ALL SELECT e.kind FROM forks.lines f JOIN {{schema}}.entries e ON e.position = f.position
        WHERE f.channel = %(channel)s AND {STILL_THERE} AND {_SINCE_RESET}) AS said
    """
    row = await (await connection.execute(sql(statement, schema), {"channel": channel, "until": until, "reader": reader})).fetchone()
    return (row[0], row[1]) if row else (0, 0)
