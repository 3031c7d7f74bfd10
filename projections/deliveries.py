"""What has to be shown to people, how far that got, and what a crash left half done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from engine.events.reply import Chunk
from engine.store import Stored
from projections.base import Projection, apply_by_turn, clear, sql


class Deliveries(Projection):
    name = "deliveries"
    version = 1
    types = frozenset({"turn.completed", "turn.failed", "reply.intended", "reply.chunk_delivered", "reply.delivered", "reply.failed"})
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
        due_at timestamptz NOT NULL,
        webhook_id bigint,
        chunks jsonb,
        done_position bigint,
        done_at timestamptz
    );
    CREATE INDEX ON {schema}.deliveries (venue, position) WHERE status IN ('due', 'intended');
    CREATE TABLE {schema}.chunks (
        turn uuid NOT NULL,
        index integer NOT NULL,
        message_id bigint NOT NULL,
        adopted boolean NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (turn, index)
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        await apply_by_turn(connection, schema, rows, _change)


_DUE = """
INSERT INTO {schema}.deliveries (turn, venue, channel, guild, character, user_id, message_id, kind, position, due_at)
VALUES (%(turn_id)s, %(venue)s, %(channel_id)s, %(guild_id)s, %(character_id)s, %(user_id)s, %(message_id)s, %(kind)s,
        %(position)s, %(at)s)
"""
_INTENDED = """
UPDATE {schema}.deliveries SET status = 'intended', webhook_id = %(webhook_id)s, chunks = %(chunks)s WHERE turn = %(turn_id)s
"""
_CHUNK = """
INSERT INTO {schema}.chunks (turn, index, message_id, adopted, position)
VALUES (%(turn_id)s, %(index)s, %(message_id)s, %(adopted)s, %(position)s) ON CONFLICT DO NOTHING
"""
_DONE = """
UPDATE {schema}.deliveries SET status = %(status)s, done_position = %(position)s, done_at = %(at)s WHERE turn = %(turn_id)s
"""


def _change(row: Stored) -> tuple[str, dict[str, object]]:
    data = clear(row) | {"position": row.position, "at": row.occurred_at}
    match row.type:
        case "turn.completed" | "turn.failed":
            wanted = ("turn_id", "venue", "channel_id", "guild_id", "character_id", "user_id", "message_id", "position", "at")
            return _DUE, {name: data.get(name) for name in wanted} | {"kind": "reply" if row.type == "turn.completed" else "error"}
        case "reply.intended":
            return _INTENDED, {"webhook_id": data.get("webhook_id"), "chunks": Jsonb(data["chunks"]), "turn_id": data["turn_id"]}
        case "reply.chunk_delivered":
            return _CHUNK, {name: data[name] for name in ("turn_id", "index", "message_id", "adopted", "position")}
        case "reply.delivered" | "reply.failed":
            status = row.type.removeprefix("reply.")
            return _DONE, {"status": status, "position": row.position, "at": row.occurred_at, "turn_id": data["turn_id"]}
        case _:
            raise ValueError(f"deliveries does not know {row.type}")


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


async def oldest_unfinished(connection: AsyncConnection, *, schema: str = "deliveries") -> int | None:
    """Position of the oldest answer that nobody has seen in full."""
    statement = sql("SELECT min(position) FROM {schema}.deliveries WHERE status IN ('due', 'intended')", schema)
    row = await (await connection.execute(statement)).fetchone()
    return row[0] if row else None


async def _select(connection: AsyncConnection, schema: str, where: str, parameters: dict[str, object]) -> list[Delivery]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql(f"SELECT {_COLUMNS} FROM {{schema}}.deliveries WHERE {where}", schema), parameters)
        rows = await cursor.fetchall()
    statement = sql("SELECT turn, index, message_id FROM {schema}.chunks WHERE turn = ANY(%s) ORDER BY index", schema)
    sent: dict[UUID, dict[int, int]] = {}
    for turn, index, message_id in await (await connection.execute(statement, ([row["turn"] for row in rows],))).fetchall():
        sent.setdefault(turn, {})[index] = message_id
    return [_to_delivery(row, sent.get(row["turn"], {})) for row in rows]


def _to_delivery(row: dict[str, Any], sent: dict[int, int]) -> Delivery:
    return Delivery(**row | {"chunks": tuple(Chunk.model_validate(chunk) for chunk in row["chunks"] or ()), "sent": sent})


DELIVERIES = Deliveries()
