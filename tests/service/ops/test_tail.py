"""The newest events, filtered: the same whatever the timeline knows of them, and no more is read than is shown."""

from collections.abc import AsyncIterator

import pytest

from engine.events.base import Tags
from engine.store import Log, Query, Stored, open_log
from engine.store.connect import Connection
from engine.vault import MasterKey
from projections import tail
from projections.follow import runner
from projections.models.timeline import TIMELINE
from tests.bench.append import talk

QUERIES = (
    Query(),
    Query(types=frozenset({"turn.completed"})),
    Query(types=frozenset({"turn.completed", "turn.requested"}), tags=Tags(channel=talk.FIRST_ID + 13 % talk.CHANNELS)),
    Query(tags=Tags(channel=talk.FIRST_ID + 26 % talk.CHANNELS)),
    Query(tags=Tags(user=404)),
    Query(tags=Tags(guild=1)),
)
FILLED = 100_000
"""Older events that nobody asks for."""


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        yield opened


async def test_the_newest_events_are_the_same_whatever_the_timeline_knows(log: Log) -> None:
    """Of everything, of a part and of nothing; also those since a moment."""
    await talk.fill(log, 12, start=0, producers=1)
    rows = [row async for row in log.rows()]
    middle = rows[len(rows) // 2]
    queries: tuple[Query, ...] = (
        *QUERIES,
        Query(since=middle.occurred_at),
        Query(types=frozenset({"turn.completed"}), since=middle.occurred_at),
    )
    queries += (Query(until=middle.position), Query(types=frozenset({"turn.completed"}), until=middle.position))
    queries += (Query(tags=Tags(character=rows[-1].character), until=middle.position),)
    told = 0
    for known in (0, len(rows) // 2, len(rows)):
        if known:
            async with log.pool.connection() as connection:
                await runner.install(connection, TIMELINE)
                await runner.apply(connection, TIMELINE, rows[told:known])
            told = known
        for query in queries:
            matching = [row for row in rows if _matches(row, query)]
            for limit in (1, 7, 500):
                assert await tail.newest(log, query, limit) == matching[-limit:], (known, query)
    assert told == len(rows)


def _matches(row: Stored, query: Query) -> bool:
    tags = query.tags
    about = (not query.types or row.type in query.types) and tags.channel in (None, row.channel) and tags.user in (None, row.user)
    about &= tags.guild in (None, row.guild) and tags.character in (None, row.character)
    about &= query.until is None or row.position <= query.until
    return about and (query.since is None or row.occurred_at >= query.since)


async def test_what_is_rare_in_a_long_log_is_found_without_reading_it(dsn: str) -> None:
    """Among a hundred thousand other events nothing is read from end to end. By one connection, whose reads are counted at once."""
    async with open_log(dsn, MasterKey.of(b"k" * 32), pool_size=1) as log:
        await _rare_ones_found(log)


async def _rare_ones_found(log: Log) -> None:
    await talk.fill(log, 2, start=0, producers=1)
    rows = [row async for row in log.rows()]
    async with log.pool.connection() as connection:
        await runner.install(connection, TIMELINE)
        await runner.apply(connection, TIMELINE, rows)
        await connection.execute(
            "INSERT INTO timeline.entries (position, event_id, type, recorded_at, occurred_at, channel)"
            " SELECT %s + n, gen_random_uuid(), 'message.received', now(), now(), 5 FROM generate_series(1, %s) AS n",
            (len(rows), FILLED),
        )
        await connection.execute("UPDATE projections SET position = position + %s WHERE name = 'timeline'", (FILLED,))
        await connection.execute("ANALYZE timeline.entries")
        before = await _read(connection)
    for query in (*QUERIES[1:4], QUERIES[5]):
        assert await tail.newest(log, query, 20) == [row for row in rows if _matches(row, query)]
    async with log.pool.connection() as connection:
        assert await _read(connection) == before
        await connection.execute("SELECT max(occurred_at) FROM timeline.entries")
        assert await _read(connection) == before + 1


async def _read(connection: Connection) -> int:
    """How often the timeline was read from end to end."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    statement = "SELECT seq_scan FROM pg_stat_user_tables WHERE (schemaname, relname) = ('timeline', 'entries')"
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return int(row[0])
