"""A turn in a very long channel costs what one in a long channel costs: what may be met is looked for among so many rows at most."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4

import pytest
from psycopg import AsyncConnection

from engine import seed
from engine.store import open_log
from engine.vault import MasterKey
from projections import chats
from projections.base import sql
from projections.models import history_window
from projections.models.memories import memory_scope
from projections.models.places import forks
from tests.support.memories import Spot, World

SQUARE = Spot(501, 9)
ENTRIES, SUMMARIES, FACTS = 6_000, 60, 1_500
FILL = (
    f"""
    INSERT INTO history.entries (position, asked, place, channel, guild, venue, kind, message_id, author_id, author_kind, sent_at, subject,
                                 event_id, event_type, schema_version, sealed)
    SELECT 1000 + n, 1000 + n, 0, 501, 9, 'discord', 'message', 1000 + n, 41 + n % 7, 'human', now(), 'user:41', gen_random_uuid(),
           'message.received', 1, '' FROM generate_series(1, {ENTRIES}) AS n
    """,
    f"""
    INSERT INTO memory.notes (memory, position, noted, person, origin, channel, guild, venue, reach, people, salience, at,
                              generation, grp, model)
    SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 500000 + n, 500000 + n, 41 + n % 30,
           CASE WHEN n <= {SUMMARIES} THEN 'summary' ELSE 'fact' END, 501, 9, 'discord', 'channel', '{{}}', .5, now(), '', '', 'm'
    FROM generate_series(1, {SUMMARIES + FACTS}) AS n
    """,
    f"""
    INSERT INTO memory.sources (memory, number, message_id, fixed)
    SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, k, 1000 + n * 2 + k, true
    FROM generate_series(1, {SUMMARIES + FACTS}) AS n, generate_series(1, 3) AS k
    """,
    "INSERT INTO memory.unsaid (position, message_id, why) VALUES (600000, 1003, 'forgotten')",
    "ANALYZE history.entries, memory.notes, memory.sources",
)


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        yield World(log)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def looked_at(connection: AsyncConnection, statement: bytes, parameters: Mapping[str, object]) -> Counter[str]:
    """Rows that were met in each table, those that a filter took away again among them."""
    row = await (await connection.execute(b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement, dict(parameters))).fetchone()
    assert row is not None
    found: Counter[str] = Counter()
    for node in nodes(row[0][0]["Plan"]):
        found[str(node.get("Relation Name"))] += int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
    return found


async def test_what_one_question_looks_at_is_bounded(world: World) -> None:
    """The newest entries and notes through their indexes; no step of the plan meets more rows than the bounds allow."""
    asked = await world.say(SQUARE, "hello")
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        for statement in FILL:
            await connection.execute(statement.encode())
        scope = replace(world.scope(asked), most_said=300, most_elsewhere=50, most_summaries=20, most_notes=100)
        found = await memory_scope.met(connection, scope)
        looked = await looked_at(connection, memory_scope._MET.encode(), asdict(scope))
    said = [ref for ref in found if not ref.startswith("n:")]
    assert (len(said), len(found) - len(said)) == (300, 20 + 100)
    assert said[-1] == str(1000 + ENTRIES)
    assert looked["entries"] <= 300 + 2 * 50 + 3 * (20 + 100), looked
    assert looked["sources"] <= 3 * (20 + 100), looked
    assert looked["notes"] <= 2 * (20 + 2 * 100), looked  # also the person's own of this channel, which are passed over


async def test_a_long_channel_is_read_no_further_back_than_is_shown(world: World) -> None:
    """By the next prompt, by a fork and by the page of a conversation: a channel of years answers like one of a day."""
    await world.say(SQUARE, "hello")
    await world.caught_up()
    asked: dict[str, object] = dict.fromkeys(("until", "at", "before"), 1 << 40)
    asked |= {"channel": 501, "reader": uuid4(), "limit": 50, "since": None, "most": 1 << 30}
    async with world.log.pool.connection() as connection:
        await connection.execute(FILL[0].encode())
        await connection.execute("ANALYZE history.entries")
        for statement in (sql(history_window._BEFORE, "history"), sql(forks._BY_THEN, "forks"), chats._EDGE):
            looked = await looked_at(connection, statement, asked)
            assert 0 < looked["entries"] <= 60, (statement, looked)
