"""How many answers a person may still have in a server now: a token bucket each, held between processes and over restarts."""

from datetime import datetime, timedelta

from engine.vault import Pool

NOTICE = timedelta(minutes=1)
"""Who is too fast is told once in so long."""
_FULL = timedelta(minutes=2)
"""After a minute of silence a bucket is full again, which is what having none means."""
_TAKE = """
INSERT INTO paces AS p (guild, person, tokens, at, message_id, allowed)
VALUES (%(guild)s, %(person)s, %(rate)s - 1.0, %(now)s, %(message)s, true)
ON CONFLICT (guild, person) DO UPDATE SET (tokens, at, message_id, allowed) = (
    SELECT CASE WHEN p.message_id = excluded.message_id THEN p.tokens WHEN b.level >= 1 THEN b.level - 1 ELSE b.level END,
           CASE WHEN p.message_id = excluded.message_id THEN p.at ELSE greatest(p.at, excluded.at) END,
           excluded.message_id,
           CASE WHEN p.message_id = excluded.message_id THEN p.allowed ELSE b.level >= 1 END
    FROM (SELECT least(p.tokens + greatest(extract(epoch FROM excluded.at - p.at), 0) * %(rate)s / 60.0, %(rate)s) AS level) AS b)
RETURNING allowed
"""


async def allows(pool: Pool, guild: int, person: int, message_id: int, per_minute: int, now: datetime) -> bool:
    """Take one answer; False when none is left. The same message asked about again takes nothing and gets the same verdict."""
    values = {"guild": guild, "person": person, "message": message_id, "rate": float(per_minute), "now": now}
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM paces WHERE at < %s", (now - _FULL,))
        row = await (await connection.execute(_TAKE, values)).fetchone()
    return bool(row and row[0])


async def tell(pool: Pool, guild: int, person: int, now: datetime) -> bool:
    """Whether this person is to be told now that they are too fast: one caller of all is told yes, once in NOTICE."""
    statement = "UPDATE paces SET told_at = %s WHERE guild = %s AND person = %s AND (told_at IS NULL OR told_at <= %s) RETURNING true"
    async with pool.connection() as connection:
        return await (await connection.execute(statement, (now, guild, person, now - NOTICE))).fetchone() is not None
