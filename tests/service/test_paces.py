"""Answers a minute for one person in a server: the rule stands in Postgres, so two processes and a restart change nothing (H4)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.decide.spending.spend import Bucket
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections.live import paces

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        yield opened


PEOPLE = iter(range(1, 10**6))


@given(rate=st.integers(1, 20), pauses=st.lists(st.floats(0, 90), min_size=1, max_size=25))
@settings(max_examples=12, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
async def test_the_table_counts_as_the_pure_bucket_does(log: Log, rate: int, pauses: list[float]) -> None:
    """Message by message, and the same message again takes nothing and hears the same."""
    person, now = next(PEOPLE), NOW
    bucket = Bucket(float(rate), now)
    for number, pause in enumerate(pauses):
        now += timedelta(seconds=round(pause, 3))
        level = bucket.level(now, rate)
        if abs(level - 1.0) < 1e-6:
            continue  # a rounding of either is as good
        bucket = bucket.taken(now, rate) if level >= 1.0 else bucket
        for _ in range(2):
            assert await paces.allows(log.pool, 9, person, 1000 + number, rate, now) == (level >= 1.0)


async def test_many_at_once_get_what_one_after_the_other_get_and_are_told_once(log: Log) -> None:
    """20 messages in the same instant by several processes: 5 answers, one notice; another a minute later, and again after a restart."""
    taken = await asyncio.gather(*(paces.allows(log.pool, 9, 41, number, 5, NOW) for number in range(1, 21)))
    assert sum(taken) == 5
    assert sum(await asyncio.gather(*(paces.tell(log.pool, 9, 41, NOW) for _ in range(10)))) == 1
    later = NOW + timedelta(seconds=13)
    assert [await paces.allows(log.pool, 9, 41, number, 5, later) for number in (31, 32)] == [True, False]
    assert not await paces.tell(log.pool, 9, 41, later)
    assert await paces.allows(log.pool, 9, 42, 33, 5, later)
    assert await paces.allows(log.pool, 8, 41, 34, 5, later)
    assert await paces.tell(log.pool, 9, 41, NOW + paces.NOTICE)
