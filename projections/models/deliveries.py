"""What has to be shown to people, how far that got, and what a crash left half done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from engine.events.reply import Chunk
from engine.store import Stored
from projections.base import Projection, apply_by_turn, clear, decoded, execute, sql


class Deliveries(Projection):
    name = "deliveries"
    version = 4
    types = frozenset(
        {
            "turn.completed",
            "turn.failed",
            "reply.intended",
            "reply.chunk_delivered",
            "reply.delivered",
            "reply.failed",
            "reply.stream_intended",
            "reply.edited",
            "reply.version_chosen",
            "reply.deleted",
            "reply.file_made",
        }
    )
    ddl = """
    CREATE TABLE {schema}.deliveries (
        turn uuid PRIMARY KEY,
        venue text NOT NULL,
        channel bigint NOT NULL,
        guild bigint,
        character uuid NOT NULL,
        user_id bigint NOT NULL,
        message_id bigint NOT NULL,
        kind text NOT NULL,
        status text NOT NULL DEFAULT 'due',
        position bigint NOT NULL,
        cause uuid,
        due_at timestamptz NOT NULL,
        webhook_id bigint,
        chunks jsonb,
        done_position bigint,
        done_at timestamptz
    );
    CREATE TABLE {schema}.chunks (
        turn uuid NOT NULL,
        index integer NOT NULL,
        message_id bigint NOT NULL,
        adopted boolean NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (turn, index)
    );
    CREATE TABLE {schema}.streams (
        turn uuid PRIMARY KEY,
        venue text NOT NULL,
        channel bigint NOT NULL,
        position bigint NOT NULL
    );
    """
    late = """
    CREATE INDEX ON {schema}.deliveries (venue, channel, position) WHERE status IN ('due', 'intended');
    CREATE INDEX ON {schema}.deliveries (position) WHERE status IN ('due', 'intended');
    CREATE INDEX ON {schema}.deliveries (turn) WHERE cause IS NOT NULL;
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        plain: list[Stored] = []
        for row in rows:
            if row.type not in _CHANGES:
                plain.append(row)
                continue
            await apply_by_turn(connection, schema, plain, _STATEMENTS)
            plain = []
            change = clear(row) | {"type": row.type, "position": row.position, "at": row.occurred_at, "cause": row.id}
            await connection.execute(sql(_STATEMENTS[row.type], schema), {"rows": orjson.dumps([change]).decode()})
        await apply_by_turn(connection, schema, plain, _STATEMENTS)

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The same by one statement: each turn's events of the range are folded into one row, new or already there.

        Ranges in which people changed replies, or which say more of those, are gone through one by one.
        """
        parameters = {"after": after, "until": until, "types": list(_CHANGES)}
        row = await (await connection.execute(sql(_HAS_CHANGES, schema), parameters)).fetchone()
        if row and row[0]:
            return await self.fold(connection, schema, after, until, frozenset())
        await execute(connection, schema, _LOAD, after, until)
        await execute(connection, schema, _LOAD_STREAM_ENDS, after, until)
        await execute(connection, schema, _LOAD_STREAMS, after, until)
        return None


_DUE = """
INSERT INTO {schema}.deliveries (turn, venue, channel, guild, character, user_id, message_id, kind, position, due_at)
SELECT turn_id, venue, channel_id, guild_id, character_id, user_id, message_id,
       CASE type WHEN 'turn.completed' THEN 'reply' ELSE 'error' END, position, at
FROM json_to_recordset(%(rows)s) AS r(turn_id uuid, venue text, channel_id bigint, guild_id bigint, character_id uuid, user_id bigint,
                                      message_id bigint, type text, position bigint, at timestamptz)
"""
_INTENDED = """
UPDATE {schema}.deliveries t SET status = 'intended', webhook_id = r.webhook_id, chunks = r.chunks
FROM json_to_recordset(%(rows)s) AS r(turn_id uuid, webhook_id bigint, chunks jsonb, causation uuid)
WHERE t.turn = r.turn_id AND (t.cause IS NULL OR t.cause = r.causation)
"""
_CHUNK = """
INSERT INTO {schema}.chunks (turn, index, message_id, adopted, position)
SELECT turn_id, index, message_id, adopted, position
FROM json_to_recordset(%(rows)s) AS r(turn_id uuid, index integer, message_id bigint, adopted boolean, position bigint)
ON CONFLICT (turn, index) DO UPDATE SET message_id = excluded.message_id, adopted = excluded.adopted, position = excluded.position
"""
_DONE = """
WITH ended AS (DELETE FROM {schema}.streams s USING json_to_recordset(%(rows)s) AS r(turn_id uuid) WHERE s.turn = r.turn_id)
UPDATE {schema}.deliveries t SET status = split_part(r.type, '.', 2), done_position = r.position, done_at = r.at
FROM json_to_recordset(%(rows)s) AS r(turn_id uuid, type text, position bigint, at timestamptz, causation uuid)
WHERE t.turn = r.turn_id AND (t.cause IS NULL OR t.cause = r.causation)
"""
_STREAM = """
INSERT INTO {schema}.streams (turn, venue, channel, position)
SELECT turn_id, venue, channel_id, position
FROM json_to_recordset(%(rows)s) AS r(turn_id uuid, venue text, channel_id bigint, position bigint) ON CONFLICT DO NOTHING
"""
_EDITED = """
INSERT INTO {schema}.deliveries (turn, venue, channel, guild, character, user_id, message_id, kind, position, due_at, cause)
SELECT version, venue, channel_id, guild_id, character_id, user_id, message_id, 'reply', position, at, cause
FROM json_to_recordset(%(rows)s) AS r(version uuid, venue text, channel_id bigint, guild_id bigint, character_id uuid, user_id bigint,
                                      message_id bigint, position bigint, at timestamptz, cause uuid)
"""
# Shown anew, or taken away: the same answer is due once more, at its new place in the order. `cause` is the event that says so: the end
# of what was due before, which may come later, is not its end.
_AGAIN = """
UPDATE {schema}.deliveries t SET status = 'due', position = r.position, due_at = r.at, done_position = NULL, done_at = NULL, cause = r.cause
FROM json_to_recordset(%(rows)s) AS r(version uuid, shown uuid, live uuid, type text, position bigint, at timestamptz, cause uuid)
WHERE t.turn = CASE r.type WHEN 'reply.deleted' THEN coalesce(r.live, r.shown) ELSE r.version END
"""
# A file was made for a version that stands there, or is about to: it is due once more, with the file. What could not be shown stays so.
_MADE = """
UPDATE {schema}.deliveries t SET status = 'due', position = r.position, due_at = r.at, done_position = NULL, done_at = NULL, cause = r.cause
FROM json_to_recordset(%(rows)s) AS r(turn_id uuid, position bigint, at timestamptz, cause uuid)
WHERE t.turn = r.turn_id AND t.status <> 'failed'
"""
_PLAIN = ("turn.completed", "turn.failed", "reply.intended", "reply.chunk_delivered", "reply.delivered", "reply.failed")
_CHANGES = ("reply.edited", "reply.version_chosen", "reply.deleted", "reply.file_made")
_HAS_CHANGES = """
SELECT EXISTS (SELECT 1 FROM events WHERE position > %(after)s AND position <= %(until)s AND type = ANY(%(types)s)) OR EXISTS (
    SELECT 1 FROM {schema}.deliveries t JOIN events e ON e.turn = t.turn
    WHERE t.cause IS NOT NULL AND e.position > %(after)s AND e.position <= %(until)s)
"""
_LOAD_STREAM_ENDS = f"""
DELETE FROM {{schema}}.streams s USING (SELECT d.turn_id {decoded("turn_id uuid", ["reply.delivered", "reply.failed"])}) AS r
WHERE s.turn = r.turn_id
"""
_LOAD_STREAMS = f"""
INSERT INTO {{schema}}.streams (turn, venue, channel, position)
SELECT turn_id, venue, channel_id, position FROM (
    SELECT e.position, e.type, d.*, max(e.position) FILTER (WHERE e.type <> 'reply.stream_intended') OVER whole AS ended
    {decoded("turn_id uuid, venue text, channel_id bigint", ["reply.stream_intended", "reply.delivered", "reply.failed"])}
    WINDOW whole AS (PARTITION BY d.turn_id)) AS seen
WHERE type = 'reply.stream_intended' AND position > coalesce(ended, 0) ORDER BY position ON CONFLICT DO NOTHING
"""
_STATEMENTS = {
    "reply.stream_intended": _STREAM,
    "reply.edited": _EDITED,
    "reply.version_chosen": _AGAIN,
    "reply.deleted": _AGAIN,
    "reply.file_made": _MADE,
    "turn.completed": _DUE,
    "turn.failed": _DUE,
    "reply.intended": _INTENDED,
    "reply.chunk_delivered": _CHUNK,
    "reply.delivered": _DONE,
    "reply.failed": _DONE,
}
_FIELDS = """
turn_id uuid, venue text, channel_id bigint, guild_id bigint, character_id uuid, user_id bigint, message_id bigint, webhook_id bigint,
chunks jsonb, index integer, adopted boolean
"""
# Only what stands after the answer became due counts. Two answers of one turn become two rows, which the primary key refuses.
_LOAD = f"""
WITH found AS MATERIALIZED (SELECT e.position, e.occurred_at, e.type, d.* {decoded(_FIELDS, _PLAIN)}), seen AS (
    SELECT *, type IN ('turn.completed', 'turn.failed') AS answers,
           max(position) FILTER (WHERE type IN ('turn.completed', 'turn.failed')) OVER whole AS due,
           max(position) FILTER (WHERE type = 'reply.intended') OVER whole AS intended,
           max(position) FILTER (WHERE type IN ('reply.delivered', 'reply.failed')) OVER whole AS done
    FROM found WHERE type <> 'reply.chunk_delivered'
    WINDOW whole AS (PARTITION BY turn_id)
), marked AS (
    SELECT *, position = due AS is_due, position = intended AND position > coalesce(due, 0) AS is_intent,
           position = done AND position > coalesce(due, 0) AS is_done
    FROM seen
), folded AS MATERIALIZED (
    SELECT turn_id, count(*) FILTER (WHERE answers)::int AS answers, max(due) AS position,
           any_value(venue) FILTER (WHERE is_due) AS venue,
           any_value(channel_id) FILTER (WHERE is_due) AS channel,
           any_value(guild_id) FILTER (WHERE is_due) AS guild,
           any_value(character_id) FILTER (WHERE is_due) AS character,
           any_value(user_id) FILTER (WHERE is_due) AS user_id,
           any_value(message_id) FILTER (WHERE is_due) AS message_id,
           any_value(CASE type WHEN 'turn.completed' THEN 'reply' ELSE 'error' END) FILTER (WHERE is_due) AS kind,
           any_value(occurred_at) FILTER (WHERE is_due) AS due_at,
           bool_or(is_intent) AS intends,
           (array_agg(split_part(type, '.', 2) ORDER BY position DESC) FILTER (WHERE is_intent OR is_done))[1] AS status,
           any_value(webhook_id) FILTER (WHERE is_intent) AS webhook_id,
           any_value(chunks) FILTER (WHERE is_intent) AS chunks,
           max(position) FILTER (WHERE is_done) AS done_position,
           any_value(occurred_at) FILTER (WHERE is_done) AS done_at
    FROM marked GROUP BY turn_id
), moved AS (
    UPDATE {{schema}}.deliveries t SET status = coalesce(f.status, t.status),
        webhook_id = CASE WHEN f.intends THEN f.webhook_id ELSE t.webhook_id END,
        chunks = CASE WHEN f.intends THEN f.chunks ELSE t.chunks END,
        done_position = coalesce(f.done_position, t.done_position), done_at = coalesce(f.done_at, t.done_at)
    FROM folded f WHERE t.turn = f.turn_id AND f.answers = 0
), sent AS (
    INSERT INTO {{schema}}.chunks (turn, index, message_id, adopted, position)
    SELECT DISTINCT ON (turn_id, index) turn_id, index, message_id, adopted, position FROM found WHERE type = 'reply.chunk_delivered'
    ORDER BY turn_id, index, position DESC
    ON CONFLICT (turn, index) DO UPDATE SET message_id = excluded.message_id, adopted = excluded.adopted, position = excluded.position
)
INSERT INTO {{schema}}.deliveries (turn, venue, channel, guild, character, user_id, message_id, kind, status, position, due_at,
                                   webhook_id, chunks, done_position, done_at)
SELECT turn_id, venue, channel, guild, character, user_id, message_id, kind, coalesce(status, 'due'), position, due_at, webhook_id, chunks,
       done_position, done_at
FROM folded CROSS JOIN LATERAL generate_series(1, answers) ORDER BY position
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer on its way. `status` is due, intended, delivered or failed; `sent` maps chunk index to message id."""

    turn: UUID
    venue: str
    channel: int
    guild: int | None
    character: UUID
    user_id: int
    message_id: int
    kind: str
    status: str
    position: int
    due_at: datetime
    webhook_id: int | None
    chunks: tuple[Chunk, ...]
    sent: dict[int, int]
    done_position: int | None
    done_at: datetime | None


_COLUMNS = """
turn, venue, channel, guild, character, user_id, message_id, kind, status, position, due_at, webhook_id, chunks, done_position, done_at
"""


async def get(connection: AsyncConnection, turn: UUID, *, schema: str = "deliveries") -> Delivery | None:
    found = await _select(connection, schema, "turn = %(turn)s", {"turn": turn})
    return found[0] if found else None


async def unfinished(connection: AsyncConnection, *, venue: str, limit: int = 100, schema: str = "deliveries") -> list[Delivery]:
    """Answers of a venue that nobody has seen in full, oldest first."""
    where = "venue = %(venue)s AND status IN ('due', 'intended') ORDER BY position LIMIT %(limit)s"
    return await _select(connection, schema, where, {"venue": venue, "limit": limit})


async def due_in(connection: AsyncConnection, venue: str, channel: int, *, limit: int = 200, schema: str = "deliveries") -> list[Delivery]:
    """Answers of a channel that nobody has seen in full, in the order of the log."""
    where = "venue = %(venue)s AND channel = %(channel)s AND status IN ('due', 'intended') ORDER BY position LIMIT %(limit)s"
    return await _select(connection, schema, where, {"venue": venue, "channel": channel, "limit": limit})


async def channels_due(connection: AsyncConnection, venue: str, *, older_than_s: float = 0.0, schema: str = "deliveries") -> list[int]:
    """Channels of a venue in which something waits to be shown or taken away, since so many seconds at least; the longest first."""
    statement = """
    SELECT channel FROM (
        SELECT channel, position, due_at AS since FROM {schema}.deliveries WHERE venue = %(venue)s AND status IN ('due', 'intended')
        UNION ALL
        SELECT s.channel, s.position, t.ended_at FROM {schema}.streams s JOIN turns.turns t ON t.turn = s.turn
        WHERE s.venue = %(venue)s AND t.status = 'cancelled') AS waiting
    WHERE since <= now() - make_interval(secs => %(older)s) GROUP BY channel ORDER BY min(position)
    """
    cursor = await connection.execute(sql(statement, schema), {"venue": venue, "older": older_than_s})
    return [row[0] for row in await cursor.fetchall()]


async def abandoned(connection: AsyncConnection, venue: str, channel: int, *, schema: str = "deliveries") -> list[UUID]:
    """Turns of a channel that were cancelled while a part of their answer was shown already."""
    statement = """
    SELECT s.turn FROM {schema}.streams s JOIN turns.turns t ON t.turn = s.turn
    WHERE s.venue = %s AND s.channel = %s AND t.status = 'cancelled' ORDER BY s.position
    """
    return [row[0] for row in await (await connection.execute(sql(statement, schema), (venue, channel))).fetchall()]


async def oldest_unfinished(connection: AsyncConnection, *, schema: str = "deliveries") -> int | None:
    """Position of the oldest answer that nobody has seen in full."""
    statement = sql("SELECT min(position) FROM {schema}.deliveries WHERE status IN ('due', 'intended')", schema)
    row = await (await connection.execute(statement)).fetchone()
    return row[0] if row else None


async def _select(connection: AsyncConnection, schema: str, where: str, parameters: dict[str, object]) -> list[Delivery]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql(f"SELECT {_COLUMNS} FROM {{schema}}.deliveries WHERE {where}", schema), parameters)
        # Asked before the rows are read, so that in a pipeline both go together.
        chunks = f"(SELECT turn FROM {{schema}}.deliveries WHERE {where}) ORDER BY index"
        statement = sql(f"SELECT turn, index, message_id FROM {{schema}}.chunks WHERE turn IN {chunks}", schema)
        shown = await connection.execute(statement, parameters)
        rows = await cursor.fetchall()
    sent: dict[UUID, dict[int, int]] = {}
    for turn, index, message_id in await shown.fetchall():
        sent.setdefault(turn, {})[index] = message_id
    return [_to_delivery(row, sent.get(row["turn"], {})) for row in rows]


def _to_delivery(row: dict[str, Any], sent: dict[int, int]) -> Delivery:
    return Delivery(**row | {"chunks": tuple(Chunk.model_validate(chunk) for chunk in row["chunks"] or ()), "sent": sent})


DELIVERIES = Deliveries()
