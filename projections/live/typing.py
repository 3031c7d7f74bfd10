"""Who was typing where, of this moment. Losing it loses nothing: an answer begins a little earlier."""

from datetime import datetime

from psycopg import AsyncConnection

from engine.vault import Pool


async def put(pool: Pool, channel: int, user_id: int, at: datetime) -> None:
    """Note that somebody typed; what is older than a minute goes."""
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM typing WHERE noted_at < now() - interval '1 minute'")
        await connection.execute(
            "INSERT INTO typing (channel, user_id, typed_at) VALUES (%s, %s, %s)"
            " ON CONFLICT (channel, user_id) DO UPDATE SET typed_at = excluded.typed_at, noted_at = now()",
            (channel, user_id, at),
        )


async def last(connection: AsyncConnection, channel: int, user_id: int) -> datetime | None:
    """When somebody was last seen typing in a channel."""
    row = await (await connection.execute("SELECT typed_at FROM typing WHERE channel = %s AND user_id = %s", (channel, user_id))).fetchone()
    return row[0] if row else None
