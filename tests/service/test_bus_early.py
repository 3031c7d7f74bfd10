"""What is stored is begun with at once where a hand is free, before the relay has come to it; its own message settles it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from engine.bus import Reference, broker, consume, hints
from engine.store import Log
from tests.service.test_bus import WORKER, Seen, _nothing_pending, relaying, request_turns, until
from tests.service.test_bus import log as log


@asynccontextmanager
async def announcing(log: Log, url: str) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        own = broker.broker(url, "announcing")
        client = await stack.enter_async_context(broker.connecting(own))
        stack.enter_context(hints.announced(client, log))
        yield


async def relayed(log: Log, url: str) -> None:
    """Relay all there is, and wait until it is settled."""
    async with relaying(log, url) as relay:

        async def settled() -> bool:
            return relay.position == await log.head() and await _nothing_pending(url)

        await until(settled)


async def test_what_was_stored_is_begun_with_before_it_is_relayed_and_only_acknowledged_then(log: Log, nats_url: str) -> None:
    seen = Seen()
    async with announcing(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=8) as consumer:
        wanted = await request_turns(log, 5)
        await seen.all_of(wanted)  # nobody relays yet
        await relayed(log, nats_url)
        assert not consumer.early
    assert seen.count == dict.fromkeys(wanted, 1)


async def test_its_message_joins_what_is_still_being_done(log: Log, nats_url: str) -> None:
    going, go_on = asyncio.Event(), asyncio.Event()
    calls = list[Reference]()

    async def handler(reference: Reference) -> None:
        calls.append(reference)
        going.set()
        await go_on.wait()

    async with announcing(log, nats_url), relaying(log, nats_url), consume(nats_url, log, WORKER, handler, concurrency=4) as consumer:
        await request_turns(log, 1)
        await going.wait()
        await until(lambda: _held(consumer.held))
        assert not await _nothing_pending(nats_url)
        go_on.set()
        await until(lambda: _nothing_pending(nats_url))
    assert len(calls) == 1


async def _held(held: set[asyncio.Task[None]]) -> bool:
    return len(held) == 1


@pytest.mark.parametrize("error", [ValueError("odd"), ConnectionError("away")])
async def test_what_failed_at_once_is_done_by_its_message(log: Log, nats_url: str, error: Exception) -> None:
    seen = Seen(fails=lambda _, count: error if count == 1 else None)
    async with announcing(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=2):
        wanted = await request_turns(log, 1)
        await seen.all_of(wanted)
        await relayed(log, nats_url)
    assert seen.count[wanted[0]] == 2


async def test_without_a_free_hand_it_waits_for_its_message(log: Log, nats_url: str) -> None:
    go_on = asyncio.Event()
    seen = list[Reference]()

    async def handler(reference: Reference) -> None:
        seen.append(reference)
        await go_on.wait()

    async with announcing(log, nats_url), consume(nats_url, log, WORKER, handler, concurrency=2) as consumer:
        await request_turns(log, 9)
        await until(lambda: _taken(seen, 2))
        assert len(consumer.early) == 2
        go_on.set()
        await relayed(log, nats_url)
    assert len({reference.id for reference in seen}) == 9
    assert len(seen) == 9


async def _taken(seen: list[Reference], count: int) -> bool:
    return len(seen) >= count


async def test_what_is_stored_again_is_announced_once(log: Log, nats_url: str) -> None:
    seen = Seen()
    async with announcing(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=4):
        await request_turns(log, 1)
        await request_turns(log, 2)
        await seen.all_of(await request_turns(log, 2))
    assert set(seen.count.values()) == {1}
