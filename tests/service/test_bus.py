"""The bus on a real NATS: nothing lost, nothing repeated with effect, whatever happens to the broker."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest

from engine import clock, ids
from engine.bus import Poison, Reference, Retry, broker, consume, consumer, deadletters, subjects
from engine.bus.relay import Relay
from engine.bus.subjects import Durable
from engine.config import Settings
from engine.embedded import Nats
from engine.errors import StoreUnavailable
from engine.events import Tags
from engine.events.turn import TurnRequested
from engine.store import Log, NewEvent, open_log
from engine.vault import load_master_key

WORKER = subjects.WORKER


@pytest.fixture
async def log(settings: Settings) -> AsyncIterator[Log]:
    assert settings.database_url is not None
    async with open_log(settings.database_url, load_master_key(settings)) as opened:
        yield opened


async def request_turns(log: Log, count: int, start: int = 0) -> list[UUID]:
    """Append that many requested turns; returns their event ids."""
    added = []
    for n in range(start, start + count):
        turn = ids.derived("test turn", n)
        event = TurnRequested(
            turn_id=turn,
            message_id=n + 1,
            channel_id=7,
            user_id=9,
            character_id=UUID(int=5),
            venue="playground",
            trigger="playground",
            reason="test",
        )
        tags = Tags(channel=7, user=9, character=UUID(int=5), turn=turn)
        added.append(NewEvent(event, stream=f"turn:{turn}", id=ids.derived("requested", n), tags=tags))
    await asyncio.gather(*(log.append(new) for new in added))
    return [new.id for new in added]


@asynccontextmanager
async def relaying(log: Log, url: str, unfinished: Callable[[], Awaitable[int]] | None = None) -> AsyncIterator[Relay]:
    async def nothing() -> int:
        return await log.head() + 1

    relay = Relay(log.dsn, url, unfinished or nothing)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Seen:
    """Collects what a handler was given."""

    def __init__(self, fails: Callable[[Reference, int], Exception | None] = lambda _, __: None, seconds: float = 0.0) -> None:
        self.count: Counter[UUID] = Counter()
        self.running = self.most = 0
        self._fails, self._seconds = fails, seconds

    async def __call__(self, reference: Reference) -> None:
        self.count[reference.id] += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self._seconds)
            if (error := self._fails(reference, self.count[reference.id])) is not None:
                raise error
        finally:
            self.running -= 1

    async def all_of(self, wanted: list[UUID], seconds: float = 60.0) -> None:
        deadline = clock.monotonic() + seconds
        while not set(wanted) <= self.count.keys():
            assert clock.monotonic() < deadline, f"{len(set(wanted) - self.count.keys())} of {len(wanted)} never came"
            await asyncio.sleep(0.01)


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    deadline = clock.monotonic() + seconds
    while not await holds():
        assert clock.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.02)


async def pending(url: str, durable: Durable = WORKER) -> int:
    """References a durable has not had acknowledged."""
    async with broker.connected(url, "test") as stream:
        info = await stream.consumer_info(subjects.STREAM, durable.name)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def test_every_event_reaches_its_consumer_once_by_few_pulls(log: Log, nats_url: str) -> None:
    seen = Seen()
    async with relaying(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=16):
        wanted = await request_turns(log, 200)
        await seen.all_of(wanted)
        await until(lambda: _nothing_pending(nats_url))
        async with broker.connected(nats_url, "test") as stream:
            assert ((await stream.consumer_info(subjects.STREAM, WORKER.name)).num_waiting or 0) <= consumer.PULLS
    assert set(seen.count.values()) == {1}


async def _nothing_pending(url: str) -> bool:
    return await pending(url) == 0


async def test_no_more_is_taken_than_can_be_worked_on(log: Log, nats_url: str) -> None:
    seen = Seen(seconds=0.02)
    async with relaying(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=3):
        await seen.all_of(await request_turns(log, 30))
    assert seen.most == 3


async def test_a_wiped_broker_gets_what_is_unfinished_again(log: Log, nats_server: Nats) -> None:
    async def from_the_third() -> int:
        return 3

    seen = Seen()
    async with relaying(log, nats_server.url, from_the_third), consume(nats_server.url, log, WORKER, seen, concurrency=2):
        first = await request_turns(log, 10)
        await seen.all_of(first)
        nats_server.kill()
        await nats_server.wait()
        nats_server.wipe()
        later = await request_turns(log, 5, start=10)
        await nats_server.start()
        await seen.all_of(later)
        await until(lambda: _is(lambda: all(seen.count[event] == 2 for event in first[2:])))
    assert [seen.count[event] for event in first[:2]] == [1, 1]


async def _is(holds: Callable[[], bool]) -> bool:
    return holds()


async def test_a_broker_killed_again_and_again_loses_nothing(log: Log, nats_server: Nats) -> None:
    seen = Seen()
    wanted: list[UUID] = []
    async with relaying(log, nats_server.url), consume(nats_server.url, log, WORKER, seen, concurrency=4):
        for round_ in range(3):
            wanted += await request_turns(log, 40, start=round_ * 40)
            nats_server.kill()
            await nats_server.wait()
            await nats_server.start()
        await seen.all_of(wanted)


async def test_a_standby_takes_over_when_the_active_relay_ends(log: Log, nats_url: str) -> None:
    seen = Seen()
    async with consume(nats_url, log, WORKER, seen, concurrency=2), relaying(log, nats_url) as standby:
        async with relaying(log, nats_url) as other:
            await until(lambda: _is(lambda: standby.active or other.active))
            assert not (standby.active and other.active)
            await seen.all_of(await request_turns(log, 5))
        await seen.all_of(await request_turns(log, 5, start=5))
        assert standby.active
    assert set(seen.count.values()) == {1}


async def test_poison_is_put_aside_once_and_its_neighbours_are_not_held_up(
    log: Log, nats_url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    seen = Seen()
    bodies = [b"canary not json", b'{"canary": 1}', b"\xff\xfe", b"", b"[" * 500, _future_schema(), _unknown_type()]
    async with relaying(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=2):
        await request_turns(log, 1, start=1000)
        async with broker.connected(nats_url, "poisoner") as stream:
            for body in bodies:
                await stream.publish(subjects.of_event("turn.requested", "playground"), body)
        await seen.all_of(await request_turns(log, 5))
        await until(lambda: _waiting(log, len(bodies)))
        await until(lambda: _nothing_pending(nats_url))
    assert {letter.deliveries for letter in await deadletters.waiting(log)} == {1}
    out, err = capfd.readouterr()
    assert "canary" not in out + err + caplog.text


async def _waiting(log: Log, count: int) -> bool:
    return len(await deadletters.waiting(log)) == count


def _future_schema() -> bytes:
    known = f'"type":"turn.requested","schema_version":{TurnRequested.VERSION + 1}'
    return f'{{"position":1,"id":"00000000-0000-0000-0000-000000000001",{known}}}'.encode()


def _unknown_type() -> bytes:
    return b'{"position":1,"id":"00000000-0000-0000-0000-000000000001","type":"turn.imagined","schema_version":1}'


async def test_a_dead_letter_is_delivered_again_when_an_operator_says_so(log: Log, nats_url: str) -> None:
    broken = True

    def fails(_: Reference, __: int) -> Exception | None:
        return Poison("not today") if broken else None

    seen = Seen(fails)
    async with relaying(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=2):
        [event] = await request_turns(log, 1)
        await until(lambda: _waiting(log, 1))
        broken = False
        [letter] = await deadletters.waiting(log)
        await deadletters.retry(log, nats_url, letter)
        await until(lambda: _is(lambda: seen.count[event] == 2))
        await until(lambda: _nothing_pending(nats_url))
    assert await deadletters.waiting(log) == []


async def test_what_never_was_a_reference_can_only_be_discarded(log: Log, nats_url: str) -> None:
    async with relaying(log, nats_url), consume(nats_url, log, WORKER, Seen(), concurrency=1):
        await request_turns(log, 1)
        async with broker.connected(nats_url, "poisoner") as stream:
            await stream.publish(subjects.of_event("turn.requested", "playground"), b"junk")
        await until(lambda: _waiting(log, 1))
    [letter] = await deadletters.waiting(log)
    with pytest.raises(deadletters.CannotRetry):
        await deadletters.retry(log, nats_url, letter)
    await deadletters.discard(log, letter)
    assert await deadletters.waiting(log) == []


async def test_trouble_that_passes_is_tried_again_and_not_put_aside(log: Log, nats_url: str) -> None:
    seen = Seen(lambda _, count: StoreUnavailable("away") if count < 3 else None)
    async with relaying(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=2):
        [event] = await request_turns(log, 1)
        await until(lambda: _is(lambda: seen.count[event] == 3))
        await until(lambda: _nothing_pending(nats_url))
    assert await deadletters.waiting(log) == []


async def test_a_handler_that_always_breaks_is_given_up_after_some_deliveries(
    log: Log, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "_delay", lambda _: 0.05)
    seen = Seen(lambda _, __: RuntimeError("a bug"))
    async with relaying(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=2):
        [event] = await request_turns(log, 1)
        await until(lambda: _waiting(log, 1))
    assert seen.count[event] == consumer.ATTEMPTS


async def test_a_wish_to_retry_is_granted_without_end(log: Log, nats_url: str) -> None:
    seen = Seen(lambda _, count: Retry(0.02) if count <= consumer.ATTEMPTS + 3 else None)
    async with relaying(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=1):
        [event] = await request_turns(log, 1)
        await until(lambda: _is(lambda: seen.count[event] == consumer.ATTEMPTS + 4))
        await until(lambda: _nothing_pending(nats_url))
    assert await deadletters.waiting(log) == []


async def test_wished_for_retries_do_not_count_as_failures(log: Log, nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One odd exception after many retries somebody asked for is the first failure, not the last one allowed."""
    monkeypatch.setattr(consumer, "_delay", lambda _: 0.02)

    def fails(_: Reference, count: int) -> Exception | None:
        return Retry(0.01) if count <= consumer.ATTEMPTS + 1 else RuntimeError("a bug") if count == consumer.ATTEMPTS + 2 else None

    seen = Seen(fails)
    async with relaying(log, nats_url), consume(nats_url, log, WORKER, seen, concurrency=1):
        [event] = await request_turns(log, 1)
        await until(lambda: _is(lambda: seen.count[event] == consumer.ATTEMPTS + 3))
        await until(lambda: _nothing_pending(nats_url))
    assert await deadletters.waiting(log) == []


async def test_a_long_job_is_delivered_once_because_it_has_a_heartbeat(log: Log, nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "ACK_WAIT_SECONDS", 1.0)
    monkeypatch.setattr(consumer, "BEAT_SECONDS", 0.3)
    seen = Seen(seconds=3.0)
    async with consume(nats_url, log, WORKER, seen, concurrency=2), relaying(log, nats_url):
        [event] = await request_turns(log, 1)
        await until(lambda: _is(lambda: seen.count[event] == 1 and seen.running == 0))
        await until(lambda: _nothing_pending(nats_url))
    assert seen.count[event] == 1


async def test_leaving_lets_short_work_finish_and_gives_long_work_back(log: Log, nats_url: str) -> None:
    finished, started = asyncio.Event(), asyncio.Event()
    [short, long] = await request_turns(log, 2)

    async def handler(reference: Reference) -> None:
        if reference.id == long:
            started.set()
            await asyncio.sleep(60)
        await asyncio.sleep(0.3)
        finished.set()

    again = Seen()
    async with relaying(log, nats_url):
        async with consume(nats_url, log, WORKER, handler, concurrency=2, drain_seconds=1.0):
            await asyncio.wait_for(started.wait(), 60)
        assert finished.is_set()
        async with consume(nats_url, log, WORKER, again, concurrency=2):
            await again.all_of([long])
    assert short not in again.count


async def test_repeated_and_shuffled_deliveries_reach_the_handler_which_must_digest_them(log: Log, nats_url: str) -> None:
    seen = Seen()
    wanted = await request_turns(log, 20)
    rows = [row async for row in log.rows()]
    async with consume(nats_url, log, WORKER, seen, concurrency=4), broker.connected(nats_url, "repeater") as stream:
        from engine.bus.reference import encode, of_row

        for attempt in range(3):
            for row in reversed(rows):
                headers = {"Nats-Msg-Id": f"{row.id}:{attempt}"}
                await stream.publish(of_row(row).subject, encode(of_row(row)), headers=headers)
        await until(lambda: _is(lambda: sum(seen.count.values()) == 60))
    assert set(seen.count) == set(wanted)


async def test_a_consumer_of_an_earlier_version_learns_of_new_types(nats_url: str) -> None:
    """An update of the program wakes consumers for what they were not woken for, and repeats nothing."""
    earlier = Durable("older", ("turn.completed",), "discord")
    async with broker.connected(nats_url, "test") as stream:
        for durable in (earlier, replace(earlier, types=("turn.completed", "reply.edited"))):
            await broker.declare(stream, [durable])
            info = await stream.consumer_info(subjects.STREAM, "older")
            assert set(info.config.filter_subjects or [info.config.filter_subject]) == set(durable.filters)
