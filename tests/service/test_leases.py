"""A conversation's lease: who has it, who loses it, and what an outage of Postgres means for it."""

import asyncio
from uuid import uuid4

import psycopg
import pytest

from engine.store import connect
from engine.vault import Pool
from projections.live import leases


async def test_an_outage_takes_the_lease_from_nobody(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long renewing fails, the call in hand goes on; only another holder ends it."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(leases, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(leases, "SECONDS", 0.05)
    renew, tries, enough = leases._renew, list[bool](), asyncio.Event()

    async def away(pool: Pool, lease: leases.Lease) -> bool:
        tries.append(lease.lost.is_set())
        if len(tries) < 20:
            raise psycopg.OperationalError("away")
        enough.set()
        return await renew(pool, lease)

    monkeypatch.setattr(leases, "_renew", away)
    async with connect.pool(dsn) as pool, leases.held(pool, "one", uuid4()) as lease:
        assert lease is not None
        await asyncio.wait_for(enough.wait(), 30)
        assert not any(tries)
        async with pool.connection() as connection:
            await connection.execute("UPDATE leases SET holder = %s", (uuid4(),))
        await asyncio.wait_for(lease.lost.wait(), 30)


@pytest.mark.parametrize(("grace", "free"), [(1_000_000.0, False), (0.0, True)])
async def test_after_a_start_of_postgres_holders_come_first(dsn: str, monkeypatch: pytest.MonkeyPatch, grace: float, free: bool) -> None:
    """A lease that ran out is not taken before those who could not renew had time to; afterwards it is."""
    monkeypatch.setattr(leases, "GRACE_SECONDS", grace)
    async with connect.pool(dsn) as pool, leases.held(pool, "one", uuid4()):
        async with pool.connection() as connection:
            await connection.execute("UPDATE leases SET expires_at = now() - interval '1 second'")
        async with leases.held(pool, "one", uuid4()) as other:
            assert (other is not None) == free


async def test_nobody_takes_renews_or_releases_a_lease_of_somebody_else(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that runs is taken by nobody; whoever lost it renews it no more, and leaves it to its new holder when done."""
    monkeypatch.setattr(leases, "GRACE_SECONDS", 0.0)
    async with connect.pool(dsn) as pool:
        async with leases.held(pool, "one", uuid4()) as lease:
            assert lease is not None
            assert lease.is_ours()
            async with leases.held(pool, "one", uuid4()) as second:
                assert second is None
            async with pool.connection() as connection:
                await connection.execute("UPDATE leases SET expires_at = now() - interval '1 second'")
            async with leases.held(pool, "one", uuid4()) as other:
                assert other is not None
                assert not await leases._renew(pool, lease)
                await leases._release(pool, lease)
                assert await leases.taken(pool) == {"one"}
            lease.until = 0.0
            assert not lease.is_ours(), "a process that was stopped for longer than its lease asks before it acts"
        assert await leases.taken(pool) == set()
