"""Text that is being streamed right now, sealed with the key of the person it is for. Losing it loses nothing."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection

from engine import sealing
from engine.sealing import DataKey
from engine.vault import Pool, Vault


@dataclass(frozen=True, slots=True)
class Draft:
    """What a turn has said so far."""

    turn: UUID
    channel: int
    text: str
    updated_at: datetime


async def put(pool: Pool, key: DataKey, turn: UUID, channel: int, text: str) -> None:
    """Replace a turn's draft. `key` is that of the person it is for."""
    sealed = sealing.seal(key, text.encode("utf-8", "replace"), _bound_to(turn))
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO drafts (turn, channel, subject, sealed) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (turn) DO UPDATE SET subject = excluded.subject, sealed = excluded.sealed, updated_at = now()",
            (turn, channel, key.subject, sealed),
        )


async def drop(pool: Pool, turn: UUID) -> None:
    """The turn has ended: what it said is in the log, or nowhere."""
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM drafts WHERE turn = %s OR updated_at < now() - interval '1 hour'", (turn,))


async def get(connection: AsyncConnection, keys: Vault, turn: UUID) -> Draft | None:
    """A turn's draft, opened; None when there is none or its person was erased."""
    found = await _select(connection, keys, "turn = %s", turn)
    return found[0] if found else None


async def in_channel(connection: AsyncConnection, keys: Vault, channel: int) -> list[Draft]:
    """Everything being written in a channel, opened, the latest change last."""
    return await _select(connection, keys, "channel = %s ORDER BY updated_at", channel)


async def _select(connection: AsyncConnection, keys: Vault, where: str, value: object) -> list[Draft]:
    cursor = await connection.execute(f"SELECT turn, channel, subject, sealed, updated_at FROM drafts WHERE {where}".encode(), (value,))
    rows = await cursor.fetchall()
    opened = await keys.keys({row[2] for row in rows})
    return [
        Draft(turn, channel, sealing.unseal(opened[subject], sealed, _bound_to(turn)).decode(), updated_at)
        for turn, channel, subject, sealed, updated_at in rows
        if subject in opened
    ]


def _bound_to(turn: UUID) -> bytes:
    return b"draft" + turn.bytes
