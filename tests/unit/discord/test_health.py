"""What `/admin health` asks is answered in time, whatever becomes of the question."""

import asyncio

import pytest

from bot.discord.features.admin import health


async def test_a_question_that_takes_its_time_to_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is being made is not cut off half-way: it ends beside the answer, and nothing is left of it."""
    monkeypatch.setattr(health, "PROBE_S", 0.01)
    ending, may_end = asyncio.Event(), asyncio.Event()

    async def connecting() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await may_end.wait()
        return ""

    assert await health._limited("NATS", connecting()) == ("NATS", False, "no answer within 0.01 s")
    [asked] = health._asked
    await ending.wait()
    may_end.set()
    await asyncio.gather(asked, return_exceptions=True)
    assert not health._asked


async def test_a_question_that_breaks_is_told_by_its_type() -> None:
    """And nothing of what it said."""

    async def broken() -> str:
        raise ValueError("inner words")

    assert await health._limited("NATS", broken()) == ("NATS", False, "ValueError")
