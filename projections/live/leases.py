"""Which worker generates in which conversation. Not a fold of the log: it says what is, not what happened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import psycopg_pool

from engine import clock, ids, log
from engine.vault import Pool

SECONDS = 10.0
"""A lease that was not renewed for so long is free: bounds how late a dead worker's turn is taken up again."""
POSTING_SECONDS = 6.0
"""The same for the right to post in a channel: within ten seconds of a bot's death another one posts."""
RENEW_SECONDS = 2.0
AGAIN_SECONDS = 0.5
"""Between tries to renew or to release while Postgres is away."""
GRACE_SECONDS = 5.0
"""After a start of Postgres, or a promotion, which reads its settings anew, nobody's lease is taken for so long."""
_log = log.get("leases")


@dataclass(slots=True)
class Lease:
    """The right to generate in a conversation, or to post in a channel. `lost` is set once somebody else has it."""

    conversation: str
    holder: UUID
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    until: float = 0.0
    seconds: float = SECONDS

    def is_ours(self) -> bool:
        """Whether nobody can have taken it yet, by our own clock: a process that was stopped for a while asks before it acts."""
        return not self.lost.is_set() and clock.monotonic() < self.until


def conversation(channel: int, character: UUID) -> str:
    """Name of the conversation in which turns never overlap: one character in one channel."""
    return f"{channel}:{character}"


@asynccontextmanager
async def held(pool: Pool, conversation: str, turn: UUID, seconds: float | None = None) -> AsyncIterator[Lease | None]:
    """Hold the conversation's lease for as long as the block lasts; None when another has it. Nobody waits.

    A holder that dies keeps it for `seconds`, SECONDS where nothing is said.
    """
    lease = Lease(conversation, ids.random_id(), seconds=SECONDS if seconds is None else seconds)
    if not await _claim(pool, lease, turn):
        yield None
        return
    renewing = asyncio.create_task(_keep(pool, lease), name="lease")
    try:
        yield lease
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        await _let_go(pool, lease)


async def taken(pool: Pool) -> set[str]:
    """The conversations somebody is generating in."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT conversation FROM leases WHERE expires_at > now()")
        return {row[0] for row in await cursor.fetchall()}


async def _claim(pool: Pool, lease: Lease, turn: UUID) -> bool:
    lease.until = clock.monotonic() + lease.seconds
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "INSERT INTO leases AS l (conversation, turn, holder, expires_at)"
            " VALUES (%(conversation)s, %(turn)s, %(holder)s, now() + %(term)s)"
            " ON CONFLICT (conversation) DO UPDATE SET turn = excluded.turn, holder = excluded.holder, expires_at = excluded.expires_at,"
            # While Postgres was away nobody could renew: those who hold leases get time for it first.
            " attempt = l.attempt + 1"
            " WHERE l.expires_at <= now() AND greatest(pg_postmaster_start_time(), pg_conf_load_time()) <= now() - %(grace)s::interval"
            " RETURNING true",
            {
                "conversation": lease.conversation,
                "turn": turn,
                "holder": lease.holder,
                "term": _term(lease),
                "grace": f"{GRACE_SECONDS} seconds",
            },
        )
        return await cursor.fetchone() is not None


async def _keep(pool: Pool, lease: Lease) -> None:
    """Renew for ever. An outage takes the lease from nobody: to end a call for it would be to pay for another one afterwards."""
    pause = RENEW_SECONDS
    while not lease.lost.is_set():
        await asyncio.sleep(pause)
        try:
            if not await _renew(pool, lease):
                lease.lost.set()
            pause = RENEW_SECONDS
        except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
            _log.warning("lease not renewed", error=type(error).__name__)
            pause = AGAIN_SECONDS


async def _let_go(pool: Pool, lease: Lease) -> None:
    """Release; tried for as long as the lease lasts, for one that stays behind holds the conversation up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(lease.seconds):
            while True:
                try:
                    return await _release(pool, lease)
                except (psycopg.Error, psycopg_pool.PoolTimeout):
                    await asyncio.sleep(AGAIN_SECONDS)


async def _renew(pool: Pool, lease: Lease) -> bool:
    until = clock.monotonic() + lease.seconds
    statement = "UPDATE leases SET expires_at = now() + %s WHERE conversation = %s AND holder = %s"
    async with pool.connection() as connection:
        cursor = await connection.execute(statement, (_term(lease), lease.conversation, lease.holder))
    lease.until = until
    return cursor.rowcount == 1


async def _release(pool: Pool, lease: Lease) -> None:
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM leases WHERE conversation = %s AND holder = %s", (lease.conversation, lease.holder))


def _term(lease: Lease) -> str:
    return f"{lease.seconds} seconds"
