"""Who decides about a stream that several want to decide about, on a real Postgres."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from engine.events.base import Event
from engine.store import Log, NewEvent, Recorded, contend, open_log
from engine.store.contend import update
from engine.vault import MasterKey
from tests.chaos.store.lab import message
from tests.support.system import until

MASTER = MasterKey.of(b"k" * 32)


async def test_nobody_passes_who_stands_in_line(dsn: str) -> None:
    """Who comes while another process waits for its turn to decide about a stream decides after it, not before."""
    order: list[str] = []
    begun, go_on = [asyncio.Event(), asyncio.Event()], [asyncio.Event(), asyncio.Event()]

    async def slow(events: Sequence[Recorded[Event]]) -> list[NewEvent]:
        number = len(order) // 2
        order.append(f"slow, of {len(events)}")
        begun[number].set()
        await go_on[number].wait()
        return [message(1)]

    def quick(number: int) -> Callable[[Sequence[Recorded[Event]]], list[NewEvent]]:
        def decide(events: Sequence[Recorded[Event]]) -> list[NewEvent]:
            order.append(f"quick, of {len(events)}")
            return [message(number)]

        return decide

    async with open_log(dsn, MASTER) as log, open_log(dsn, MASTER) as other:
        first = asyncio.ensure_future(update(log, "channel:1", slow))
        await begun[0].wait()
        await update(other, "channel:1", quick(2))
        go_on[0].set()
        await begun[1].wait()
        late = asyncio.ensure_future(update(other, "channel:1", quick(3)))
        await until(lambda: _standing(log), 30, "a second one in line")
        go_on[1].set()
        await asyncio.gather(first, late)
        assert order == ["slow, of 0", "quick, of 0", "slow, of 1", "quick, of 2"]


async def test_a_process_that_stopped_while_it_decided_holds_up_nobody_for_ever(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the line's head, and its connection lives: those behind it go on without the line after a while."""
    monkeypatch.setattr(contend, "PATIENCE_SECONDS", 0.05)
    async with open_log(dsn, MASTER) as log, open_log(dsn, MASTER) as other:
        async with log.pool.connection() as stopped:
            await stopped.execute(f"SELECT pg_advisory_lock({contend.KEY})".encode(), ("channel:1",))
            async with asyncio.timeout(60):
                await asyncio.gather(update(log, "channel:1", lambda _: [message(1)]), update(other, "channel:1", lambda _: [message(2)]))
            await stopped.execute("SELECT pg_advisory_unlock_all()")
        assert await log.head() == 2


async def _standing(log: Log) -> bool | None:
    """Whether somebody waits behind the one whose turn it is."""
    async with log.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return await cursor.fetchone() == (1,) or None
