"""Nobody who holds a connection of a pool waits for another of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.events.message import MessageReceived
from engine.ids import random_id
from engine.store import Log, NewEvent, Query, open_log
from engine.vault import MasterKey
from tests.support import loans


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    """One with a single connection: whoever asked for a second would wait for himself."""
    async with open_log(dsn, MasterKey.of(b"\x11" * 32), pool_size=1) as opened:
        yield opened


async def said(log: Log, count: int) -> None:
    for number in range(count):
        event = MessageReceived(message_id=number, channel_id=1, author_id=2, author_name="Ann", text="hello", venue="playground")
        await log.append(NewEvent(event, stream="channel:1", id=random_id(), subjects=("user:2",)))


async def test_who_reads_the_log_may_ask_it_in_between(log: Log) -> None:
    """Both as rows and as events."""
    await said(log, 3)
    async with asyncio.timeout(60):
        heads = [await log.head() async for _ in log.rows(Query(stream="channel:1"))]
        heads += [await log.head() async for _ in log.read(Query(stream="channel:1"))]
    assert heads == [3] * 6


async def test_a_log_over_another_pool_is_read_while_a_connection_is_held(log: Log) -> None:
    """What one has read the other knows."""
    await said(log, 1)
    async with open_log(log.dsn, MasterKey.of(b"\x11" * 32), pool_size=1) as other, log.pool.connection(), asyncio.timeout(60):
        assert [one.position for one in await log.over(other.pool).at([1])] == [1]
        assert [one.position for one in await log.at([1])] == [1]


async def test_a_second_loan_is_noticed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch that all tests run under sees one."""
    monkeypatch.setattr(loans, "TESTS", "/nowhere/")
    async with log.pool.connection():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await log.head()
    assert len(loans.second) == 1
    assert "test_loans" in loans.second.pop()
