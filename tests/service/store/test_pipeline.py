"""Statements sent in one go."""

import asyncio
import gc
import inspect
import sys

import psycopg
import pytest

from engine.config import Settings
from engine.store import connect
from engine.store.pipeline import pipelined
from engine.store.together import together

LONG = 5_000_000
"""More characters than a socket takes at once: the end is cut off while it still sends."""


async def test_a_pipeline_that_is_cancelled_at_its_end_leaves_nothing_half_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was cancelled may close the connection at once; nothing is read from it afterwards, and nobody is told of anything odd."""
    assert settings.database_url is not None
    odd: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", odd.append)
    for _ in range(3):
        async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as connection:
            begun = asyncio.Event()
            asking = asyncio.create_task(_ask(connection, begun))
            await begun.wait()
            for _ in range(2):  # as a group of tasks that ends while a time limit passes
                for _ in range(5):
                    await asyncio.sleep(0)
                asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        del asking
        gc.collect()
    assert not odd


async def _ask(connection: psycopg.AsyncConnection, begun: asyncio.Event) -> None:
    async with pipelined(connection):
        await connection.execute("SELECT pg_sleep(0.05)")
        await connection.execute("SELECT length(%s)", ("x" * LONG,))
        begun.set()


async def test_questions_asked_together_are_answered_in_their_order_and_told_apart_when_one_fails(settings: Settings) -> None:
    """One asks twice, each time in a block of its own; of several errors the one Postgres names is told; the connection stays good."""
    assert settings.database_url is not None

    async def answer(connection: psycopg.AsyncConnection, *statements: str) -> list[object]:
        found: list[object] = []
        for statement in statements:
            async with pipelined(connection):
                found += [row[0] for row in await (await connection.execute(statement.encode())).fetchall()]
        return found

    async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as connection:
        twice = answer(connection, "SELECT 1", "SELECT 2")
        assert await together(connection, twice, answer(connection, "SELECT 3")) == [[1, 2], [3]]
        with pytest.raises(psycopg.errors.DivisionByZero):
            await together(connection, answer(connection, "SELECT 4", "SELECT 5"), answer(connection, "SELECT 1 / 0"))
        assert await together(connection, answer(connection, "SELECT 6")) == [[6]]


async def test_questions_for_a_lost_connection_are_closed_unasked(settings: Settings) -> None:
    """Python would warn of each that it was never awaited, in whatever runs when they are collected."""
    assert settings.database_url is not None

    async def answer(connection: psycopg.AsyncConnection) -> None:
        await connection.execute("SELECT 1")

    async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as connection:
        await connection.close()
        questions = [answer(connection), answer(connection)]
        with pytest.raises(psycopg.Error):
            await together(connection, *questions)
        assert [inspect.getcoroutinestate(question) for question in questions] == [inspect.CORO_CLOSED] * 2


async def test_a_connection_is_closed_by_its_block_also_when_its_end_is_cancelled(dsn: str) -> None:
    """As a group of tasks that ends while its time is up: the second cancellation comes while the first is still being obeyed."""
    made: list[psycopg.AsyncConnection] = []

    async def asking() -> None:
        async with await connect.connect(dsn) as connection:
            made.append(connection)
            await connection.execute("BEGIN")
            await asyncio.Event().wait()

    task = asyncio.create_task(asking())
    while not made or made[0].pgconn.transaction_status != psycopg.pq.TransactionStatus.INTRANS:
        await asyncio.sleep(0.001)
    async with made[0].lock:  # the rollback at the block's end has to wait
        task.cancel()
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert made[0].closed
