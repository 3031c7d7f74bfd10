"""Every turn from request to end: what the debug view shows, what a worker takes up, what nobody has answered yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from engine.store import Stored
from projections.base import Projection, apply_by_turn, clear, sql


class Turns(Projection):
    name = "turns"
    version = 1
    types = frozenset({"turn.requested", "turn.generation_started", "turn.completed", "turn.failed", "turn.cancelled"})
    ddl = """
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
    CREATE INDEX ON {schema}.turns (position) WHERE status = 'pending';
    CREATE INDEX ON {schema}.turns (channel, character, position) WHERE status = 'pending';
    CREATE INDEX ON {schema}.turns (channel, position);
    CREATE INDEX ON {schema}.turns (user_id, position);
    CREATE INDEX ON {schema}.turns (message_id);
    CREATE INDEX ON {schema}.turns (reference) WHERE reference IS NOT NULL;
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        await apply_by_turn(connection, schema, rows, _change)


_REQUESTED = """
INSERT INTO {schema}.turns (turn, message_id, channel, guild, user_id, character, venue, trigger, reason, slot, epoch, position,
                            requested_at)
VALUES (%(turn_id)s, %(message_id)s, %(channel_id)s, %(guild_id)s, %(user_id)s, %(character_id)s, %(venue)s, %(trigger)s, %(reason)s,
        %(slot)s, %(epoch)s, %(position)s, %(at)s)
"""
_STARTED = "UPDATE {schema}.turns SET attempts = attempts + 1, model = %(model)s, provider = %(provider)s WHERE turn = %(turn_id)s"
_ENDED = """
UPDATE {schema}.turns SET status = %(status)s, ended_position = %(position)s, ended_at = %(at)s, model = coalesce(%(model)s, model),
    provider = coalesce(%(provider)s, provider), category = %(category)s, reference = %(reference)s, finish_reason = %(finish_reason)s,
    usage = %(usage)s, timing = %(timing)s
WHERE turn = %(turn_id)s
"""


def _change(row: Stored) -> tuple[str, dict[str, object]]:
    data = clear(row) | {"position": row.position, "at": row.occurred_at}
    match row.type:
        case "turn.requested":
            return _REQUESTED, data
        case "turn.generation_started":
            return _STARTED, {name: data[name] for name in ("model", "provider", "turn_id")}
        case "turn.completed" | "turn.failed" | "turn.cancelled":
            known = {
                name: data.get(name)
                for name in ("model", "provider", "category", "reference", "finish_reason", "turn_id", "position", "at")
            }
            documents = {name: Jsonb(data[name]) if name in data else None for name in ("usage", "timing")}
            return _ENDED, known | documents | {"status": row.type.removeprefix("turn.")}
        case _:
            raise ValueError(f"turns does not know {row.type}")


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. `status` is pending, completed, failed or cancelled; `position` that of its request."""

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


async def pending(connection: AsyncConnection, *, limit: int = 100, schema: str = "turns") -> list[Turn]:
    """Turns without an end, oldest first."""
    return await _select(connection, schema, "status = 'pending' ORDER BY position LIMIT %(limit)s", {"limit": limit})


async def next_pending(connection: AsyncConnection, channel: int, character: UUID, *, schema: str = "turns") -> Turn | None:
    """The oldest turn of a channel and character without an end."""
    where = "status = 'pending' AND channel = %(channel)s AND character = %(character)s ORDER BY position LIMIT 1"
    found = await _select(connection, schema, where, {"channel": channel, "character": character})
    return found[0] if found else None


async def earlier_pending(connection: AsyncConnection, turn: Turn, *, schema: str = "turns") -> bool:
    """Whether an earlier turn of the same channel and character still waits for its end."""
    statement = (
        "SELECT EXISTS (SELECT 1 FROM {schema}.turns WHERE status = 'pending' AND channel = %s AND character = %s AND position < %s)"
    )
    row = await (await connection.execute(sql(statement, schema), (turn.channel, turn.character, turn.position))).fetchone()
    return bool(row and row[0])


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


async def _select(connection: AsyncConnection, schema: str, where: str, parameters: dict[str, object]) -> list[Turn]:
    async with connection.cursor(row_factory=class_row(Turn)) as cursor:
        await cursor.execute(sql(f"SELECT {_COLUMNS} FROM {{schema}}.turns WHERE {where}", schema), parameters)
        return await cursor.fetchall()


TURNS = Turns()
