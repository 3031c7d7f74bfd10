"""The timeline's read model: filters, pages, and plans that stay cheap."""

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from psycopg import AsyncConnection

from engine.store import Stored, connect
from projections.follow import runner
from projections.models import timeline
from projections.models.timeline import TIMELINE, Filter, TimelineEntry

START = datetime(2026, 3, 1, tzinfo=UTC)
TYPES = ("message.received", "turn.requested", "turn.completed", "turn.failed", "reply.delivered")


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[AsyncConnection]:
    async with await connect.connect(dsn) as opened:
        await runner.install(opened, TIMELINE)
        yield opened


def row(position: int, rng: random.Random, *, few: int = 4) -> Stored:
    """An event as the log holds it, with tags of a small world, so that filters meet."""
    type_ = rng.choice(TYPES)
    data = b"{}"
    if type_ == "turn.completed":
        data = b'{"model": "model-%d"}' % rng.randrange(few)
    if type_ == "turn.failed":
        data = b'{"category": "%s", "model": null}' % rng.choice([b"timeout", b"rate_limit"])
    at = START + timedelta(seconds=position // 3)

    def some[T](make: Callable[[int], T]) -> T | None:
        return make(rng.randrange(1, few + 1)) if rng.random() < 0.8 else None

    return Stored(
        position=position,
        id=uuid4(),
        stream="s",
        version=position,
        type=type_,
        schema_version=1,
        occurred_at=at,
        recorded_at=at,
        correlation=None,
        causation=None,
        guild=some(lambda n: n),
        channel=some(lambda n: 10 + n),
        user=some(lambda n: 100 + n),
        character=some(lambda n: UUID(int=n)),
        turn=some(lambda n: UUID(int=1000 + position // 5)),
        subject=None,
        data=data,
        sealed=None,
    )


async def fill(connection: AsyncConnection, count: int, seed: int = 1) -> list[Stored]:
    rng = random.Random(seed)
    rows = [row(position, rng) for position in range(1, count + 1)]
    for start in range(0, count, 500):
        async with connection.transaction():
            await TIMELINE.apply(connection, "timeline", rows[start : start + 500])
    return rows


async def entries(connection: AsyncConnection) -> list[TimelineEntry]:
    return [entry async for page in pages(connection, Filter(), 500) for entry in page.entries]


async def pages(connection: AsyncConnection, wanted: Filter, limit: int) -> AsyncIterator[timeline.Page]:
    before: int | None = None
    while True:
        page = await timeline.page(connection, wanted, before=before, limit=limit)
        yield page
        if page.older is None:
            return
        before = page.older


def matches(entry: TimelineEntry, wanted: Filter) -> bool:
    """What a filter means, said once more."""
    same: dict[str, object] = {
        "guild": entry.guild,
        "channel": entry.channel,
        "user": entry.user_id,
        "character": entry.character,
        "turn": entry.turn,
    }
    same |= {"category": entry.category, "model": entry.model}
    return (
        all(getattr(wanted, name) in {None, value} for name, value in same.items())
        and (not wanted.types or entry.type in wanted.types)
        and (wanted.since is None or entry.recorded_at >= wanted.since)
        and (wanted.before is None or entry.recorded_at < wanted.before)
    )


def some_filter(rng: random.Random, everything: list[TimelineEntry]) -> Filter:
    """A combination of filters, mostly of values that there are."""
    like = rng.choice(everything)
    wanted = Filter()
    choices: dict[str, object] = {
        "types": frozenset(rng.sample(TYPES, rng.randrange(1, 4))),
        "guild": like.guild,
        "channel": like.channel,
        "user": like.user_id,
        "character": like.character,
        "turn": like.turn,
        "category": rng.choice(["timeout", "no such", like.category]),
        "model": rng.choice(["model-1", like.model, "'; DROP TABLE events; --"]),
        "since": START + timedelta(seconds=rng.randrange(400)),
        "before": START + timedelta(seconds=rng.randrange(400)),
    }
    for name in rng.sample(sorted(choices), rng.randrange(0, 4)):
        wanted = replace(wanted, **{name: cast(Any, choices[name])})
    return wanted


async def test_any_combination_of_filters_finds_exactly_what_matches(connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, newest first, nothing twice and nothing missed, also when a page's walk is cut short."""
    monkeypatch.setattr(timeline, "WINDOW", 60)
    monkeypatch.setattr(timeline, "PROBE", 40)
    await fill(connection, 900)
    everything = await entries(connection)
    assert len(everything) == 900
    rng = random.Random(7)
    for _ in range(60):
        wanted = some_filter(rng, everything)
        found = [entry async for page in pages(connection, wanted, rng.choice([9, 50])) for entry in page.entries]
        assert found == [entry for entry in everything if matches(entry, wanted)], wanted


async def test_a_walk_that_finds_little_stops_and_says_where_to_go_on(connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a page is bounded; its answer says that it is not the whole."""
    monkeypatch.setattr(timeline, "WINDOW", 10)
    monkeypatch.setattr(timeline, "WINDOWS", 2)
    await fill(connection, 600)
    wanted = Filter(types=frozenset({"message.received"}), model="model-1")
    first = await timeline.page(connection, wanted)
    assert (first.entries, first.complete) == ((), False)
    assert first.older is not None
    positions = [page.older async for page in pages(connection, wanted, 50)]
    assert positions[-1] is None
    assert all(older < newer for newer, older in pairwise(p for p in positions if p is not None))


async def test_what_is_new_is_found_after_a_position(connection: AsyncConnection) -> None:
    """For live pages: newest first, and of very many the newest."""
    await fill(connection, 300)
    everything = await entries(connection)
    wanted = Filter(types=frozenset({"turn.failed"}))
    found = await timeline.newer(connection, wanted, 200)
    assert found == [entry for entry in everything if entry.position > 200 and matches(entry, wanted)]
    assert len(await timeline.newer(connection, Filter(), 0, limit=10)) == 10
    assert await timeline.head(connection) == 300


async def test_the_values_there_are_can_be_listed(connection: AsyncConnection) -> None:
    """For the choices of a form, without reading every row."""
    await fill(connection, 300)
    assert await timeline.values(connection, "category") == ["rate_limit", "timeout"]
    assert await timeline.values(connection, "model") == ["model-0", "model-1", "model-2", "model-3"]
    with pytest.raises(ValueError, match="no list"):
        await timeline.values(connection, "position; DROP TABLE x")


def filters() -> list[Filter]:
    """Each filter alone, and pairs of broad ones."""
    broad = Filter(
        frozenset({"turn.completed"}), 1, 11, 101, UUID(int=1), UUID(int=1100), "timeout", "model-1", START, START + timedelta(hours=1)
    )
    alone = [replace(Filter(), **{field.name: getattr(broad, field.name)}) for field in fields(Filter)]
    many = frozenset(TYPES)
    return [Filter(), *alone, Filter(types=many), Filter(user=101, guild=1), Filter(types=many, character=UUID(int=1)), broad]


class Explained:
    """A connection that asks for the plan of every statement before it runs it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.plans: list[str] = []

    async def execute(self, query: bytes, parameters: Any = None, *, prepare: bool | None = None) -> object:
        plan = await (await self.connection.execute(b"EXPLAIN " + query, parameters, prepare=prepare)).fetchall()
        self.plans.append("\n".join(line for (line,) in plan))
        return await self.connection.execute(query, parameters, prepare=prepare)


async def test_no_page_reads_the_whole_table(connection: AsyncConnection) -> None:
    """Query plans: every statement of a page walks an index, whatever the filter."""
    await fill(connection, 12_000)
    await connection.execute("ANALYZE timeline.entries")
    for wanted in filters():
        for before in (None, 9_000):
            explained = Explained(connection)
            await timeline.page(cast(AsyncConnection, explained), wanted, before=before)
            assert explained.plans
            assert not [plan for plan in explained.plans if "Seq Scan on entries" in plan or "Bitmap" in plan], (wanted, explained.plans)


async def test_a_page_is_planned_for_what_is_asked_however_often(connection: AsyncConnection) -> None:
    """A plan made for any value would walk the whole log in search of what hardly anything is."""
    await fill(connection, 50)
    for _ in range(12):
        await timeline.page(connection, Filter(types=frozenset({"turn.failed"}), model="model-1"))
        await timeline.newer(connection, Filter(types=frozenset({"turn.failed"})), 10)
        await timeline.next_after(connection, Filter(types=frozenset({"turn.failed"})), 10)
    kept = await connection.execute("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%timeline.entries%'")
    assert not [statement for (statement,) in await kept.fetchall() if "turn" in statement or "position <" in statement], "kept plans"
