"""One process at a time has the right to a thing: it passes on when the other is gone or frozen, and stays through an outage."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from engine.store import right
from engine.store.right import Right
from tests.support.system import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(right, "ASK_S", 0.02)
    monkeypatch.setattr(right, "PROVE_S", 0.02)
    monkeypatch.setattr(right, "REGAIN_S", 0.3)


@pytest.fixture
async def two(dsn: str) -> AsyncIterator[tuple[Right, Right]]:
    one, other = Right(dsn, "a thing"), Right(dsn, "a thing")
    yield one, other
    await one.leave()
    await other.leave()


async def _cut(dsn: str) -> None:
    """What Postgres does to somebody who was idle for too long."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tzurot a thing'")


async def _held(dsn: str) -> bool:
    """Whether a live connection has it."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        found = await connection.execute(
            "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted"
            " AND application_name = 'tzurot a thing'"
        )
        return await found.fetchone() is not None


async def test_the_second_gets_it_when_the_first_leaves(two: tuple[Right, Right]) -> None:
    """And not before; another thing's right is no business of theirs."""
    one, other = two
    async with asyncio.timeout(60):
        await one.gain()
        waiting = asyncio.create_task(other.gain())
        elsewhere = Right(one._dsn, "another thing")
        await elsewhere.gain()
        await elsewhere.leave()
        assert not waiting.done()
        await one.leave()
        await waiting


async def test_whoever_was_cut_off_takes_it_again_when_nobody_has_it(two: tuple[Right, Right], dsn: str) -> None:
    """A restart of Postgres changes nothing about who leads."""
    one, _ = two
    async with asyncio.timeout(60):
        await one.gain()
        losing = asyncio.create_task(one.lost())
        await _cut(dsn)
        await until(lambda: _held(dsn), 60.0, "the right taken again")
        assert not losing.done()
        losing.cancel()
        other = Right(dsn, "a thing")
        assert await other._ask() is False
        await other.leave()


async def test_whoever_was_cut_off_learns_that_another_has_it(two: tuple[Right, Right], dsn: str) -> None:
    """It then works no more."""
    one, other = two
    async with asyncio.timeout(60):
        await one.gain()
        await _cut(dsn)
        await other.gain()
        await one.lost()


async def test_postgres_ends_the_connection_of_somebody_frozen(two: tuple[Right, Right], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shows no life for the time given."""
    monkeypatch.setattr(right, "IDLE_S", 1)
    one, other = two
    async with asyncio.timeout(20):
        await one.gain()
        await other.gain()
