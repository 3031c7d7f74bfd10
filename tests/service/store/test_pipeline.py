"""Statements sent in one go."""

import asyncio
import gc
import sys

import psycopg
import pytest

from engine.config import Settings
from engine.store.pipeline import pipelined

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
