"""Whoever waits for read models looks as soon as they are said to have moved, and now and then in case nobody says so."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import psutil
import pytest

from engine.bus import broker, hints
from engine.store import Log, open_log, progress
from engine.store.connect import Connection
from engine.vault import MasterKey
from tests.support.system import until

NAMES = ("history", "turns")
FAR = 60.0
"""Seconds: whoever waited for that would fail the test."""


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        yield opened


async def _at(log: Log, position: int, *names: str) -> None:
    async with log.pool.connection() as connection:
        await connection.execute("UPDATE projections SET position = %s WHERE name = ANY(%s)", (position, list(names)))


async def _waits() -> bool:
    return bool(progress._waiting)


async def test_a_hint_ends_the_wait_and_is_believed_only_as_far_as_postgres_says_so(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes too early, or is about less, ends nothing; all that is waited for must be there."""
    monkeypatch.setattr(progress, "HINTED_PAUSE", FAR)
    monkeypatch.setattr(progress, "LONGEST_PAUSE", FAR)
    await _at(log, 0, *NAMES)
    async with asyncio.timeout(FAR / 2):
        with progress.hinted():
            waiting = asyncio.create_task(progress.wait_for(log.pool, NAMES, 7, seconds=FAR))
            await until(_waits, 60.0, "somebody who waits")
            progress.moved(6)
            await _at(log, 7, "history")
            progress.moved(7)
            await asyncio.sleep(0)
            assert not waiting.done()
            await _at(log, 7, *NAMES)
            while not waiting.done():  # a hint wakes whoever waits at that moment
                progress.moved(8)
                await asyncio.sleep(0.01)
            assert await waiting
            assert await progress.wait_for(log.pool, NAMES, 7, seconds=FAR)
    assert not progress._waiting


async def test_what_the_last_hint_says_is_not_there_yet_is_not_looked_for_before_the_next(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks Postgres in vain; what a question is answered then comes along with the look."""
    monkeypatch.setattr(progress, "HINTED_PAUSE", FAR)
    asked = list[int]()

    async def ask(_: Connection) -> str:
        asked.append(1)
        return "answer"

    await _at(log, 5, *NAMES)
    async with asyncio.timeout(FAR / 2):
        with progress.hinted():
            progress.moved(5)
            waiting = asyncio.create_task(progress.ask_from(log.pool, NAMES, 6, ask, seconds=FAR))
            await until(_waits, 60.0, "somebody who waits")
            await asyncio.sleep(0)
            assert not asked
            await _at(log, 6, *NAMES)
            progress.moved(6)
            assert await waiting == ("answer",)
            assert len(asked) == 1
            assert await progress.ask_from(log.pool, NAMES, 6, ask, seconds=FAR) == ("answer",)
    assert await progress.ask_from(log.pool, NAMES, 7, ask, seconds=0.01) is None


async def test_without_a_hint_it_is_looked_at_again(log: Log) -> None:
    """What is lost costs a moment; what never comes is told as that."""
    await _at(log, 0, *NAMES)
    with progress.hinted():
        waiting = asyncio.create_task(progress.wait_for(log.pool, NAMES, 3, seconds=FAR))
        await until(_waits, 60.0, "somebody who waits")
        await _at(log, 3, *NAMES)
        async with asyncio.timeout(FAR / 2):
            assert await waiting
        assert not await progress.wait_for(log.pool, NAMES, 4, seconds=0.05)


async def test_hints_go_from_process_to_process(log: Log, nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the broker, to everybody who listens; what is no position is passed over."""
    monkeypatch.setattr(progress, "HINTED_PAUSE", FAR)
    await _at(log, 0, *NAMES)
    own = broker.broker(nats_url, "listener")
    connection = await own.connect()
    try:
        async with hints.read_models_told(nats_url) as tell, hints.read_models(connection), asyncio.timeout(FAR / 2):
            waiting = asyncio.create_task(progress.wait_for(log.pool, NAMES, 9, seconds=FAR))
            await until(_waits, 60.0, "somebody who waits")
            await _at(log, 9, *NAMES)
            await connection.publish("tz.read_models", b"nine")
            while not waiting.done():
                await tell(9)
                await asyncio.sleep(0.01)
            assert await waiting
    finally:
        await own.stop()
    assert not progress._sources


async def test_whoever_ends_before_the_broker_was_reached_leaves_nothing_open(nats_url: str) -> None:
    """However far the connecting had come."""

    def connections() -> int:
        return len(psutil.Process().net_connections("tcp"))

    async def listening() -> None:
        async with hints.drafts(nats_url, "discord", nobody), broker.connected(nats_url, "one more"):
            await asyncio.Event().wait()

    async def nobody(channel: int, turn: UUID) -> None:
        """Hear of a draft."""

    before = connections()
    for steps in range(0, 60, 2):
        begun = asyncio.create_task(listening())
        async with hints.read_models_told(nats_url):
            for _ in range(steps):
                await asyncio.sleep(0)
            begun.cancel()
            await asyncio.gather(begun, return_exceptions=True)
    assert connections() == before
