"""What `append` promises and what reading finds, on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from engine import ids
from engine.errors import Conflict, KeyDestroyed, PartialRepeat, StoreError, StoreUnavailable
from engine.events.base import Tags
from engine.events.message import MessageDeleted, MessageReceived
from engine.store import Appended, Condition, Log, NewEvent, Query, open_log, reader
from engine.store import queue as queues
from engine.store.contend import update
from engine.store.rows import Unit
from engine.store.writer import Writer
from engine.vault import MasterKey
from tests.chaos.store.lab import faults, message

MASTER = MasterKey.of(b"k" * 32)


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MASTER) as opened:
        yield opened


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[Log]:
    """The log as another process has it open."""
    async with open_log(dsn, MASTER) as opened:
        yield opened


def deleted(number: int) -> NewEvent:
    event = MessageDeleted(message_id=number + 1, channel_id=1, venue="playground")
    return NewEvent(event, "channel:1", ids.message_event(number + 1, "deleted"), Tags(channel=1))


async def positions(log: Log, query: Query) -> list[int]:
    return [row.position async for row in log.rows(query)]


async def test_a_repeat_is_told_where_it_was(log: Log, other: Log) -> None:
    """The same call again, from anywhere, writes nothing."""
    first = await log.append(message(1), message(2))
    assert first == Appended((1, 2), repeated=False)
    for again in (log, other, log):
        assert await again.append(message(1), message(2)) == Appended((1, 2), repeated=True)
    assert await log.head() == 2


async def test_repeats_within_one_batch(log: Log) -> None:
    """Callers that say the same thing at the same moment get the same position."""
    found = await asyncio.gather(*(log.append(message(1)) for _ in range(20)), *(log.append(message(n)) for n in range(2, 20)))
    assert {answer.positions for answer in found[:20]} == {found[0].positions}
    assert sum(not answer.repeated for answer in found[:20]) == 1
    assert await log.head() == 19


async def test_part_of_an_earlier_call_is_refused(log: Log) -> None:
    """A call whose first event is new and whose second is not was never made like this; nothing of it is stored."""
    await log.append(message(2))
    with pytest.raises(PartialRepeat):
        await log.append(message(1), message(2))
    assert await log.head() == 1


async def test_an_expected_version_is_checked(log: Log, other: Log) -> None:
    """Right, stale, ahead of the stream, and not new any more: only the first is stored."""
    await log.append(message(1, expect=0))
    await other.append(message(2, expect=1))
    for wrong in (0, 1, 5):
        with pytest.raises(Conflict, match="at version 2"):
            await log.append(message(3, expect=wrong))
        with pytest.raises(Conflict):
            await other.append(message(4, expect=wrong))
    assert (await log.append(message(3, expect=2))).positions == (3,)
    assert [row.version async for row in log.rows(Query(stream="channel:1"))] == [1, 2, 3]


async def test_a_call_is_stored_whole_or_not_at_all(log: Log) -> None:
    """One stale version in it, and nothing is written, while neighbours in the same batch are."""
    await log.append(message(1))
    results = await asyncio.gather(
        log.append(message(10, channel=2), message(11, expect=7)),
        *(log.append(message(n, channel=3)) for n in range(20, 30)),
        return_exceptions=True,
    )
    assert isinstance(results[0], Conflict)
    assert not [result for result in results[1:] if isinstance(result, BaseException)]
    assert await positions(log, Query(stream="channel:2")) == []
    assert len(await positions(log, Query(stream="channel:3"))) == 10


async def test_versions_within_one_call(log: Log) -> None:
    """Several events of one stream follow each other, mixed with another stream's."""
    await log.append(message(1, expect=0), message(2, channel=2), message(3, expect=1), message(4, channel=2), message(5, expect=2))
    assert [row.version async for row in log.rows()] == [1, 1, 2, 2, 3]


async def test_a_condition_on_tags(log: Log, other: Log) -> None:
    """It holds across streams, sees what others stored meanwhile and what stands before it in its own batch."""
    condition = Condition(0, frozenset({"message.received"}), Tags(user=5))
    assert (await log.append(message(1, user=6), condition=condition)).positions == (1,)
    await other.append(message(2, channel=9, user=5))
    with pytest.raises(Conflict, match="condition"):
        await log.append(message(3, user=6), condition=condition)
    assert (await log.append(message(3, user=6), condition=replace(condition, after=2))).positions == (3,)
    unlike = replace(condition, types=frozenset({"message.deleted"}))
    assert (await log.append(message(4, user=6), condition=unlike)).positions == (4,)
    both = Condition(4, frozenset({"message.received"}), Tags(user=5))
    found = await asyncio.gather(*(log.append(message(n), condition=both) for n in (50, 51)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in found) == ["Appended", "Conflict"]


async def test_many_writers_leave_no_gap(log: Log, other: Log, dsn: str) -> None:
    """Two processes, shared and own streams, conflicts in between: positions and versions are without gaps, and nothing is twice."""

    async def write(target: Log, base: int) -> None:
        for n in range(30):
            await target.append(message(base + n, channel=n % 3))
            try:
                await target.append(message(base + 500 + n, channel=8, expect=n))
            except Conflict:
                continue

    await asyncio.gather(*(write((log, other)[k % 2], 1_000 * k) for k in range(8)))
    assert not any((await faults(dsn, {})).values())


async def test_a_refused_batch_leaves_the_one_beside_it_alone(log: Log, other: Log, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches overlap under load; another process keeps taking versions that one of them counts on, and everything is stored once."""
    flights: list[int] = []
    launch = Writer._launch

    def watched(writer: Writer) -> None:
        launch(writer)
        flights.append(len(writer._answers))

    monkeypatch.setattr(Writer, "_launch", watched)

    def enough(done: int, wanted: int) -> bool:  # two batches must have been under way at once, however fast this machine commits
        return done >= wanted and max(flights, default=0) == 2

    async def write(producer: int) -> int:
        done = 0
        while not enough(done, 20):
            await log.append(message(producer * 10_000 + done, channel=producer))
            done += 1
        return done

    async def steal() -> int:
        done = 0
        while not enough(done, 40):
            await other.append(message(1_000_000 + done, channel=done % 48))
            done += 1
        return done

    written = await asyncio.gather(steal(), *(write(producer) for producer in range(48)))
    assert len(await positions(log, Query())) == sum(written)
    assert not any((await faults(dsn, {})).values())


async def test_a_connection_lost_under_load_loses_nothing(log: Log, dsn: str) -> None:
    """With two batches under way again and again: both answers are lost, and every event is stored once, every caller answered."""
    cuts: list[int] = []
    written: list[int] = []

    async def write(producer: int) -> None:
        while sum(cuts) < 5:
            written.append(producer * 1_000_000 + len(written))
            await log.append(message(written[-1], channel=producer))

    async def cut() -> None:
        statement = b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tzurot writer'"
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            while True:
                found = await connection.execute(statement + b" AND datname = current_database()")
                cuts.append(found.rowcount)
                await asyncio.sleep(0.15)

    cutting = asyncio.create_task(cut())
    async with asyncio.timeout(60):
        await asyncio.gather(*(write(producer) for producer in range(48)))
    cutting.cancel()
    assert len(await positions(log, Query())) == len(written)
    assert not any((await faults(dsn, {})).values())


async def test_a_reader_sees_everything_in_order(log: Log, other: Log) -> None:
    """Following while two processes write: each position once, none left out."""
    seen: list[int] = []

    async def follow() -> None:
        async with aclosing(log.follow(0)) as batches:
            async for rows in batches:
                seen.extend(row.position for row in rows)
                if len(seen) >= 200:
                    return

    following = asyncio.create_task(follow())
    await asyncio.gather(*((log, other)[n % 2].append(message(n, channel=n % 7)) for n in range(200)))
    await asyncio.wait_for(following, 30)
    assert seen == list(range(1, 201))


async def test_reading_by_everything(log: Log) -> None:
    """Position, stream, tags, type, time, both directions, limits, and across pages."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(1, 13):
        await log.append(replace(message(n, channel=n % 3, user=n % 2), occurred_at=start + timedelta(hours=n)))
    await log.append(deleted(1))
    assert await positions(log, Query(after=3, until=6)) == [4, 5, 6]
    assert await positions(log, Query(stream="channel:2")) == [2, 5, 8, 11]
    assert await positions(log, Query(tags=Tags(channel=1, user=1))) == [1, 7]
    assert await positions(log, Query(types=frozenset({"message.deleted"}))) == [13]
    assert await positions(log, Query(since=start + timedelta(hours=3), before=start + timedelta(hours=5))) == [3, 4]
    assert await positions(log, Query(backwards=True, limit=3)) == [13, 12, 11]
    assert await positions(log, Query(stream="channel:2", backwards=True, after=2)) == [11, 8, 5]
    assert await positions(log, Query(limit=0)) == []


async def test_pages_join_without_seams(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pages give the same as one large one, forwards and backwards, typed and raw and in bulk."""
    await asyncio.gather(*(log.append(message(n)) for n in range(25)))
    monkeypatch.setattr("engine.store.reader.PAGE", 4)
    monkeypatch.setattr("engine.store.bulk.PAGE", 4)
    assert await positions(log, Query()) == list(range(1, 26))
    assert await positions(log, Query(backwards=True)) == list(range(25, 0, -1))
    assert [recorded.position async for recorded in log.read()] == list(range(1, 26))
    assert [replayed.position async for page in log.replay() for replayed in page] == list(range(1, 26))
    async with aclosing(log.replay()) as batches:
        async for page in batches:
            assert len(page) == 4
            break


async def test_find_and_at(log: Log) -> None:
    """By id and by positions, opened."""
    await log.append(message(1, text="found me"))
    recorded = await log.find(message(1).id)
    assert recorded is not None
    assert isinstance(recorded.event, MessageReceived)
    assert recorded.event.text == "found me"
    assert await log.find(message(2).id) is None
    assert [found.position for found in await log.at([1, 5])] == [1]
    assert [found.event for found in await log.stream("channel:1")] == [recorded.event]


async def test_a_destroyed_key_takes_no_more(log: Log) -> None:
    """Sealing for one is refused before anything is written; what it sealed is blank."""
    await log.append(message(1))
    await log.vault.destroy("user:5")
    with pytest.raises(KeyDestroyed):
        await log.append(replace(message(2), subjects=("user:5:1",)))
    recorded = (await log.stream("channel:1"))[0]
    assert recorded.erased
    assert await log.head() == 1


async def test_the_log_refuses_to_be_changed(log: Log) -> None:
    """No update, no deletion, no truncation, whoever asks."""
    await log.append(message(1))
    async with log.pool.connection() as connection:
        for statement in ("UPDATE events SET version = 9", "DELETE FROM events", "TRUNCATE events"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                await connection.execute(statement.encode())


async def test_a_cancelled_caller_leaves_the_writer_whole(log: Log) -> None:
    """Callers come and go; what they left behind does not block the next."""
    for n in range(20):
        task = asyncio.create_task(log.append(message(n)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await log.append(message(100))).positions[0] == await log.head()


async def test_back_pressure(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small queue callers wait outside in order, and all are served."""
    monkeypatch.setattr(queues, "LIMIT_EVENTS", 5)
    found = await asyncio.gather(*(log.append(message(n)) for n in range(60)))
    assert [answer.positions[0] for answer in found] == list(range(1, 61))
    assert log.waiting == 0


async def test_nobody_overtakes_whoever_waits_for_a_key(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are fetched one call after the other; who comes between two of those calls, with a key at hand, comes after both."""
    await log.append(message(0))
    late: list[asyncio.Task[Appended]] = []
    submit = log._writer.submit

    def then_somebody_comes(unit: Unit) -> Awaitable[Appended]:
        if not late:
            late.append(asyncio.create_task(log.append(message(9))))
        return submit(unit)

    log.vault._current.clear()
    monkeypatch.setattr(log._writer, "submit", then_somebody_comes)
    waited = await asyncio.gather(*(log.append(message(n)) for n in range(1, 4)))
    assert [answer.positions[0] for answer in waited] == [2, 3, 4]
    assert (await late[0]).positions == (5,)


async def test_nobody_overtakes_whoever_was_just_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the word that there is room and the step inside the queue still counts as full; a cancelled guest frees the place."""
    monkeypatch.setattr(queues, "LIMIT_EVENTS", 1)
    queue = queues.Queue()
    queue.add(Unit((), size=0))
    queue.events = 1
    for leave in (False, True):
        guest = asyncio.create_task(queue.admission())
        await asyncio.sleep(0)
        queue.events = 0
        queue.admit()
        before = queue.full
        if leave:
            guest.cancel()
        await asyncio.gather(guest, return_exceptions=True)
        assert (before, queue.full) == (True, False)
        queue.events = 1


async def test_closing_answers_everybody(dsn: str) -> None:
    """What was sent is stored; what comes after is told that the log is closed."""
    async with open_log(dsn, MASTER) as log:
        await log.append(message(0))
        waiting = [asyncio.create_task(log.append(message(n))) for n in range(1, 40)]
        await asyncio.sleep(0)
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(answer, Appended | StoreUnavailable) for answer in done)
    with pytest.raises(StoreUnavailable):
        await log.append(message(999))


async def test_an_empty_call(log: Log) -> None:
    """Nothing to store is nothing stored."""
    assert await log.append() == Appended(())


async def test_a_database_that_was_never_set_up(empty_dsn: str) -> None:
    """Appending says so instead of waiting for ever."""
    async with open_log(empty_dsn, MASTER) as log:
        with pytest.raises(StoreError, match="refused"):
            await log.append(deleted(1))


async def test_updates_of_one_stream_queue_up(log: Log, other: Log) -> None:
    """Many that read, decide and append at once: each decision is made on the stream as it is, within five tries."""
    seen: list[int] = []

    async def add(target: Log, number: int) -> None:
        def decide(events: object) -> list[NewEvent]:
            assert isinstance(events, list)
            seen.append(number)
            return [message(number + len(events) * 1_000)]

        await update(target, "channel:1", decide)

    await asyncio.gather(*(add((log, other)[n % 2], n) for n in range(16)))
    rows = [row async for row in log.rows()]
    assert len(rows) == 16
    assert max(seen.count(number) for number in range(16)) <= 5


async def test_stats(log: Log) -> None:
    """Counts per type, head and living keys."""
    await log.append(message(1), message(2))
    await log.append(deleted(1))
    found = await log.stats()
    assert (found.events, found.head, found.subjects) == (3, 3, 1)
    assert found.types == {"message.received": 2, "message.deleted": 1}


async def test_the_edits_of_a_channel_are_found_by_an_index(log: Log) -> None:
    """However long the log is: a prompt of the first version asks for them when it is built again."""
    statement, parameters = reader._select(Query(types=frozenset({"message.edited"}), tags=Tags(channel=7), until=10**9), 0, 10**9, 500)
    async with log.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO events (position, occurred_at, event_id, version, schema_version, stream, type, channel, data)"
            " SELECT n, now(), gen_random_uuid(), n, 1, 's', CASE WHEN n % 50 = 0 THEN 'message.edited' ELSE 'message.received' END,"
            " n % 100, '{}' FROM generate_series(1, 20000) AS n"
        )
        await connection.execute("ANALYZE events")
        plan = await (await connection.execute(f"EXPLAIN {statement}".encode(), parameters)).fetchall()
    assert "events_changed_messages" in str(plan)
