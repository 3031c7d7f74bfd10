"""Every turn from request to end: what the debug view shows, what a worker takes up, what nobody has answered yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine import ids
from engine.store import Stored
from projections import turn_sums
from projections.base import Projection, apply_by_turn, clear, decoded, execute, sql

ENDS = frozenset({"turn.completed", "turn.failed", "turn.cancelled", "turn.declined"})
"""What ends a turn. Nothing that comes after the first changes it any more."""


class Turns(Projection):
    name = "turns"
    version = 3
    types = ENDS | {"turn.requested", "turn.generation_started"}
    ddl = (
        """
    CREATE TABLE {schema}.turns (
        turn uuid PRIMARY KEY,
        message_id bigint NOT NULL,
        channel bigint NOT NULL,
        guild bigint,
        user_id bigint NOT NULL,
        character uuid NOT NULL,
        venue text NOT NULL,
        trigger text NOT NULL,
        reason text NOT NULL,
        slot integer NOT NULL,
        epoch integer NOT NULL,
        position bigint NOT NULL,
        requested_at timestamptz NOT NULL,
        status text NOT NULL DEFAULT 'pending',
        attempts integer NOT NULL DEFAULT 0,
        ended_position bigint,
        ended_at timestamptz,
        model text,
        provider text,
        category text,
        reference text,
        finish_reason text,
        usage jsonb,
        timing jsonb
    );
    """
        + turn_sums.DDL
    )
    late = """
    CREATE INDEX ON {schema}.turns (position) WHERE status = 'pending';
    CREATE INDEX ON {schema}.turns (channel, character, position) WHERE status = 'pending';
    CREATE INDEX ON {schema}.turns (channel, position);
    CREATE INDEX ON {schema}.turns (user_id, position);
    CREATE INDEX ON {schema}.turns (message_id);
    CREATE INDEX ON {schema}.turns (reference) WHERE reference IS NOT NULL;
    CREATE INDEX ON {schema}.turns (ended_at) WHERE ended_at IS NOT NULL;
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        await apply_by_turn(connection, schema, rows, _STATEMENTS)
        ends = {row.position: UUID(clear(row)["turn_id"]) for row in rows if row.type in ENDS}
        await turn_sums.add(connection, schema, ends)

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The same by one statement: each turn's events of the range are folded into one row, new or already there."""
        await execute(connection, schema, _LOAD, after, until)
        await turn_sums.add_between(connection, schema, after, until)


_REQUESTED = """
INSERT INTO {schema}.turns (turn, message_id, channel, guild, user_id, character, venue, trigger, reason, slot, epoch, position,
                            requested_at)
SELECT turn_id, message_id, channel_id, guild_id, user_id, character_id, venue, trigger, reason, slot, epoch, position, at
FROM json_to_recordset(%(rows)s) AS r(turn_id uuid, message_id bigint, channel_id bigint, guild_id bigint, user_id bigint,
                                      character_id uuid, venue text, trigger text, reason text, slot integer, epoch integer,
                                      position bigint, at timestamptz)
"""
_STARTED = """
UPDATE {schema}.turns t SET attempts = t.attempts + 1, model = r.model, provider = r.provider
FROM json_to_recordset(%(rows)s) AS r(turn_id uuid, model text, provider text) WHERE t.turn = r.turn_id AND t.ended_at IS NULL
"""
_ENDED = """
UPDATE {schema}.turns t SET status = split_part(r.type, '.', 2), ended_position = r.position, ended_at = r.at,
    model = coalesce(r.model, t.model), provider = coalesce(r.provider, t.provider), category = r.category, reference = r.reference,
    finish_reason = r.finish_reason, usage = r.usage, timing = r.timing
FROM json_to_recordset(%(rows)s) AS r(turn_id uuid, type text, position bigint, at timestamptz, model text, provider text, category text,
                                      reference text, finish_reason text, usage jsonb, timing jsonb)
WHERE t.turn = r.turn_id AND t.ended_at IS NULL
"""
_STATEMENTS = {
    "turn.requested": _REQUESTED,
    "turn.generation_started": _STARTED,
    "turn.completed": _ENDED,
    "turn.failed": _ENDED,
    "turn.cancelled": _ENDED,
    "turn.declined": _ENDED,
}
_FIELDS = """
turn_id uuid, message_id bigint, channel_id bigint, guild_id bigint, user_id bigint, character_id uuid, venue text, trigger text,
reason text, slot integer, epoch integer, model text, provider text, category text, reference text, finish_reason text, usage jsonb,
timing jsonb
"""
# Only what stands after the request and up to the first end counts. Two requests of one turn become two rows: the primary key refuses
# them as it does one by one.
_LOAD = f"""
WITH seen AS (
    SELECT e.position, e.occurred_at, e.type, d.*, e.type = 'turn.requested' AS asks,
           e.type NOT IN ('turn.requested', 'turn.generation_started') AS ends,
           coalesce(max(e.position) FILTER (WHERE e.type = 'turn.requested') OVER (PARTITION BY d.turn_id), 0) AS asked
    {decoded(_FIELDS, Turns.types)}
), until AS (
    SELECT *, min(position) FILTER (WHERE ends AND position > asked) OVER (PARTITION BY turn_id) AS ended FROM seen
), marked AS (
    SELECT *, position = asked AS is_request, position > asked AND position <= coalesce(ended, position) AS later,
           position = ended AS is_end
    FROM until
), folded AS MATERIALIZED (
    SELECT turn_id, count(*) FILTER (WHERE asks)::int AS requests, bool_or(is_end) AS ends,
           count(*) FILTER (WHERE later AND type = 'turn.generation_started') AS attempts,
           (array_agg(model ORDER BY position DESC) FILTER (WHERE later AND model IS NOT NULL))[1] AS model,
           (array_agg(provider ORDER BY position DESC) FILTER (WHERE later AND provider IS NOT NULL))[1] AS provider,
           any_value(message_id) FILTER (WHERE is_request) AS message_id,
           any_value(channel_id) FILTER (WHERE is_request) AS channel,
           any_value(guild_id) FILTER (WHERE is_request) AS guild,
           any_value(user_id) FILTER (WHERE is_request) AS user_id,
           any_value(character_id) FILTER (WHERE is_request) AS character,
           any_value(venue) FILTER (WHERE is_request) AS venue,
           any_value(trigger) FILTER (WHERE is_request) AS trigger,
           any_value(reason) FILTER (WHERE is_request) AS reason,
           any_value(slot) FILTER (WHERE is_request) AS slot,
           any_value(epoch) FILTER (WHERE is_request) AS epoch,
           any_value(occurred_at) FILTER (WHERE is_request) AS requested_at,
           max(asked) AS position,
           any_value(split_part(type, '.', 2)) FILTER (WHERE is_end) AS status,
           max(position) FILTER (WHERE is_end) AS ended_position,
           any_value(occurred_at) FILTER (WHERE is_end) AS ended_at,
           any_value(category) FILTER (WHERE is_end) AS category,
           any_value(reference) FILTER (WHERE is_end) AS reference,
           any_value(finish_reason) FILTER (WHERE is_end) AS finish_reason,
           any_value(usage) FILTER (WHERE is_end) AS usage,
           any_value(timing) FILTER (WHERE is_end) AS timing
    FROM marked GROUP BY turn_id
), moved AS (
    UPDATE {{schema}}.turns t SET attempts = t.attempts + f.attempts,
        model = coalesce(f.model, t.model), provider = coalesce(f.provider, t.provider), status = coalesce(f.status, t.status),
        ended_position = coalesce(f.ended_position, t.ended_position), ended_at = coalesce(f.ended_at, t.ended_at),
        category = CASE WHEN f.ends THEN f.category ELSE t.category END,
        reference = CASE WHEN f.ends THEN f.reference ELSE t.reference END,
        finish_reason = CASE WHEN f.ends THEN f.finish_reason ELSE t.finish_reason END,
        usage = CASE WHEN f.ends THEN f.usage ELSE t.usage END,
        timing = CASE WHEN f.ends THEN f.timing ELSE t.timing END
    FROM folded f WHERE t.turn = f.turn_id AND f.requests = 0 AND t.ended_at IS NULL
)
INSERT INTO {{schema}}.turns (turn, message_id, channel, guild, user_id, character, venue, trigger, reason, slot, epoch, position,
                              requested_at, status, attempts, ended_position, ended_at, model, provider, category, reference,
                              finish_reason, usage, timing)
SELECT turn_id, message_id, channel, guild, user_id, character, venue, trigger, reason, slot, epoch, position, requested_at,
       coalesce(status, 'pending'), attempts, ended_position, ended_at, model, provider, category, reference, finish_reason, usage, timing
FROM folded CROSS JOIN LATERAL generate_series(1, requests) ORDER BY position
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. `status` is pending, completed, failed, cancelled or declined; `position` that of its request."""

    turn: UUID
    message_id: int
    channel: int
    guild: int | None
    user_id: int
    character: UUID
    venue: str
    trigger: str
    reason: str
    slot: int
    epoch: int
    position: int
    requested_at: datetime
    status: str
    attempts: int
    ended_position: int | None
    ended_at: datetime | None
    model: str | None
    provider: str | None
    category: str | None
    reference: str | None
    finish_reason: str | None
    usage: dict[str, Any] | None
    timing: dict[str, Any] | None
    subject: str = ""
    """Whose key seals what is said in it: that of the message it answers, once that was looked up (worker.turn.turn_events.pinned)."""


_COLUMNS = (
    "turn, message_id, channel, guild, user_id, character, venue, trigger, reason, slot, epoch, position, requested_at, status, attempts,"
    " ended_position, ended_at, model, provider, category, reference, finish_reason, usage, timing"
)


async def get(connection: AsyncConnection, turn: UUID, *, schema: str = "turns") -> Turn | None:
    found = await _select(connection, schema, "turn = %(turn)s", {"turn": turn})
    return found[0] if found else None


async def some(connection: AsyncConnection, wanted: Sequence[UUID], *, schema: str = "turns") -> list[Turn]:
    """These turns, the latest request first."""
    return await _select(connection, schema, "turn = ANY(%(wanted)s) ORDER BY position DESC", {"wanted": list(wanted)})


async def by_reference(connection: AsyncConnection, reference: str, *, schema: str = "turns") -> Turn | None:
    """The failed turn whose error carries this reference."""
    found = await _select(connection, schema, "reference = %(reference)s", {"reference": reference})
    return found[0] if found else None


async def by_message(connection: AsyncConnection, message_id: int, *, schema: str = "turns") -> list[Turn]:
    """The turns a message caused, in the order of their answers."""
    return await _select(connection, schema, "message_id = %(message)s ORDER BY slot, epoch", {"message": message_id})


async def to_messages_of(connection: AsyncConnection, messages: str, parameters: Mapping[str, object]) -> list[Turn]:
    """The turns that the messages caused whose ids a statement gives."""
    return await _select(connection, "turns", f"message_id IN ({messages})", parameters)


async def pending(connection: AsyncConnection, *, limit: int = 100, schema: str = "turns") -> list[Turn]:
    """Turns without an end, oldest first."""
    return await _select(connection, schema, "status = 'pending' ORDER BY position LIMIT %(limit)s", {"limit": limit})


async def pending_in(connection: AsyncConnection, channel: int, *, limit: int = 1_000, schema: str = "turns") -> list[Turn]:
    """Turns of a channel without an end, oldest first."""
    where = "status = 'pending' AND channel = %(channel)s ORDER BY position LIMIT %(limit)s"
    return await _select(connection, schema, where, {"channel": channel, "limit": limit})


async def waiting(connection: AsyncConnection, *, before: datetime, limit: int, schema: str = "turns") -> list[Turn]:
    """The oldest turn without an end of each conversation, if it was asked for before a moment; the longest wait first."""
    where = (
        "turn IN (SELECT DISTINCT ON (channel, character) turn FROM {schema}.turns WHERE status = 'pending'"
        " ORDER BY channel, character, position) AND requested_at < %(before)s ORDER BY position LIMIT %(limit)s"
    )
    return await _select(connection, schema, where, {"before": before, "limit": limit})


async def next_pending(connection: AsyncConnection, channel: int, character: UUID, *, schema: str = "turns") -> Turn | None:
    """The oldest turn of a channel and character without an end."""
    where = "status = 'pending' AND channel = %(channel)s AND character = %(character)s ORDER BY position LIMIT 1"
    found = await _select(connection, schema, where, {"channel": channel, "character": character})
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """A first answer that a message asked for. `pending`: it has no end yet."""

    message_id: int
    turn: UUID
    character: UUID
    trigger: str
    pending: bool


async def triggers_of(connection: AsyncConnection, messages: Sequence[int], *, schema: str = "turns") -> list[FirstAnswer]:
    """The first answers that messages asked for."""
    statement = """
    SELECT message_id, turn, character, trigger, status = 'pending' AS pending FROM {schema}.turns
    WHERE message_id = ANY(%s) AND epoch = 0 ORDER BY position
    """
    async with connection.cursor(row_factory=class_row(FirstAnswer)) as cursor:
        await cursor.execute(sql(statement, schema), (list(messages),))
        return await cursor.fetchall()


async def earlier_pending(connection: AsyncConnection, turn: Turn, *, schema: str = "turns") -> bool:
    """Whether an earlier turn of the same channel and character still waits for its end."""
    statement = (
        "SELECT EXISTS (SELECT 1 FROM {schema}.turns WHERE status = 'pending' AND channel = %s AND character = %s AND position < %s)"
    )
    row = await (await connection.execute(sql(statement, schema), (turn.channel, turn.character, turn.position))).fetchone()
    return bool(row and row[0])


async def ahead_of(connection: AsyncConnection, turn: Turn, *, schema: str = "turns") -> int:
    """How many turns of the same channel and character wait before this one."""
    statement = "SELECT count(*) FROM {schema}.turns WHERE status = 'pending' AND channel = %s AND character = %s AND position < %s"
    row = await (await connection.execute(sql(statement, schema), (turn.channel, turn.character, turn.position))).fetchone()
    return int(row[0]) if row else 0


async def silences(connection: AsyncConnection, channel: int, *, last: int = 500, schema: str = "turns") -> dict[UUID, tuple[int, int]]:
    """Character -> (how often it chose silence, of how many turns that nobody addressed to it) among the last of a channel."""
    statement = """
    SELECT character, count(*) FILTER (WHERE status = 'declined')::int, count(*)::int FROM (
        SELECT character, status FROM {schema}.turns
        WHERE channel = %s AND trigger = 'activation' AND status IN ('completed', 'declined') ORDER BY position DESC LIMIT %s) AS latest
    GROUP BY character
    """
    return {row[0]: (row[1], row[2]) for row in await (await connection.execute(sql(statement, schema), (channel, last))).fetchall()}


async def began(connection: AsyncConnection, channel: int, *, limit: int, schema: str = "turns") -> list[datetime]:
    """When characters spoke first in a channel, the latest first."""
    statement = "SELECT message_id FROM {schema}.turns WHERE channel = %s AND trigger = 'initiative' ORDER BY position DESC LIMIT %s"
    return [ids.snowflake_time(row[0]) for row in await (await connection.execute(sql(statement, schema), (channel, limit))).fetchall()]


async def recent(
    connection: AsyncConnection,
    *,
    before: int | None = None,
    user: int | None = None,
    channel: int | None = None,
    limit: int = 50,
    schema: str = "turns",
) -> list[Turn]:
    """The latest turns, newest first, before a position when one is given."""
    clauses = {"position < %(before)s": before, "user_id = %(user)s": user, "channel = %(channel)s": channel}
    where = " AND ".join(["true", *(clause for clause, value in clauses.items() if value is not None)])
    parameters: dict[str, object] = {"before": before, "user": user, "channel": channel, "limit": limit}
    return await _select(connection, schema, f"{where} ORDER BY position DESC LIMIT %(limit)s", parameters)


async def oldest_pending(connection: AsyncConnection, *, schema: str = "turns") -> int | None:
    """Position of the oldest turn without an end."""
    row = await (await connection.execute(sql("SELECT min(position) FROM {schema}.turns WHERE status = 'pending'", schema))).fetchone()
    return row[0] if row else None


async def _select(connection: AsyncConnection, schema: str, where: str, parameters: Mapping[str, object]) -> list[Turn]:
    async with connection.cursor(row_factory=class_row(Turn)) as cursor:
        await cursor.execute(sql(f"SELECT {_COLUMNS} FROM {{schema}}.turns WHERE {where}", schema), parameters)
        return await cursor.fetchall()


TURNS = Turns()
