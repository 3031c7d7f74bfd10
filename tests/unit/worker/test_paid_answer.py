"""With a paid answer in hand an outage of Postgres is sat out, not paid for again (I4)."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from engine.errors import StoreUnavailable
from worker.generate import _is_deleted

TURN: Any = SimpleNamespace(message_id=7)


class _Away:
    """A log that cannot be asked `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def find(self, _: object) -> object | None:
        self.times -= 1
        if self.times >= 0:
            raise StoreUnavailable("away")
        return None


async def test_an_outage_is_sat_out() -> None:
    """The question is asked again until Postgres answers."""
    work: Any = SimpleNamespace(log=_Away(2))
    assert await _is_deleted(work, TURN, asyncio.Event()) is False


async def test_a_turn_that_was_lost_meanwhile_is_let_go() -> None:
    """Once somebody else has the turn there is nothing to wait for."""
    work: Any = SimpleNamespace(log=_Away(10**9))
    lost = asyncio.Event()
    lost.set()
    with pytest.raises(StoreUnavailable):
        await _is_deleted(work, TURN, lost)
