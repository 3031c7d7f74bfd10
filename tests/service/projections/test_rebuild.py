"""Rebuild, verification and time travel of read models, on a real Postgres with whole turns in the log."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
from psycopg import AsyncConnection

from engine import clock, erasure
from engine.errors import StoreError
from engine.events.message import MessageReceived
from engine.store import Log, Stored, connect, open_log
from engine.vault import MasterKey
from projections.base import Change, Projection, waves
from projections.follow import aside, past_views, rebuild, runner, verify
from projections.models import history
from projections.models.history import HISTORY
from projections.registry import ALL
from tests.bench.append import talk


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    """A log with some 400 events of whole turns, edits and deletions among them."""
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        await talk.fill(opened, 400, producers=8)
        yield opened


@asynccontextmanager
async def running(dsn: str, *projections: Projection) -> AsyncIterator[None]:
    """Runners for as long as the block lasts."""
    tasks = [asyncio.create_task(runner.run(dsn, projection)) for projection in projections]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def reached(log: Log, *names: str, position: int | None = None) -> None:
    wanted = await log.head() if position is None else position
    assert await runner.wait_for(log.pool, names, wanted, seconds=90)


async def standing(log: Log, name: str) -> dict[str, runner.Progress]:
    async with log.pool.connection() as connection:
        return {entry.role: entry for entry in await runner.progress(connection) if entry.name == name}


async def test_every_read_model_equals_its_fold(log: Log) -> None:
    """What the live runners wrote event by event is what a load from zero gives, in every table of every read model."""
    async with running(log.dsn, *ALL):
        await reached(log, *(projection.name for projection in ALL))
        verdicts = await verify.verify(log.dsn, ALL)
    assert {verdict.name: verdict.different for verdict in verdicts} == {projection.name: () for projection in ALL}
    assert sum(int(str(table["rows"])) for verdict in verdicts for table in verdict.tables.values()) > 400


async def test_a_difference_is_found(log: Log) -> None:
    """One changed value in one table is reported under that table's name."""
    async with running(log.dsn, HISTORY):
        await reached(log, "history")
    async with log.pool.connection() as connection:
        await connection.execute("UPDATE history.entries SET gone = NOT gone WHERE position = (SELECT min(position) FROM history.entries)")
    verdict = (await verify.verify(log.dsn, [HISTORY]))[0]
    assert not verdict.equal
    assert verdict.different == ("entries",)


async def test_bulk_load_equals_the_fold_event_by_event(log: Log) -> None:
    """For each projection the big steps and the small ones give the same rows."""
    async with log.pool.connection() as connection:
        head = await log.head()
        for projection in ALL:
            for schema in ("small", "big"):
                await rebuild.create(connection, projection, schema)
            await projection.fold(connection, "small", 0, head, frozenset())
            for after in range(0, head, 37):
                await rebuild.load(connection, projection, "big", after, min(after + 37, head))
            assert await verify.hashes(connection, "small") == await verify.hashes(connection, "big"), projection.name
            for schema in ("small", "big"):
                await rebuild.drop(connection, schema)


async def test_rebuild_beside_and_switch_while_the_log_grows(log: Log) -> None:
    """The rebuild catches up with a moving log and takes over; nobody ever reads a half-built table."""
    rows_seen: list[int] = []
    async with running(log.dsn, *ALL):
        await reached(log, "history")
        growing = asyncio.create_task(talk.fill(log, 300, start=10_000, producers=4))
        rebuilding = asyncio.create_task(rebuild.rebuild(log.dsn, [HISTORY]))
        while not (growing.done() and rebuilding.done()):
            async with log.pool.connection() as connection:
                row = await (await connection.execute("SELECT count(*) FROM history.entries")).fetchone()
            assert row is not None
            rows_seen.append(row[0])
            await asyncio.sleep(0)
        await growing
        assert (await rebuilding)[0].phase == "switched"
        await reached(log, "history")
        assert (await verify.verify(log.dsn, [HISTORY]))[0].equal
    assert rows_seen == sorted(rows_seen)
    assert set(await standing(log, "history")) == {"live"}


async def test_a_killed_rebuild_goes_on(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was loaded before the end of the process is not loaded again."""
    monkeypatch.setattr(rebuild, "STEP", 50)
    steps: list[int] = []

    class Killed(BaseException):
        pass

    def stop_half_way(report: rebuild.Report) -> None:
        steps.append(report.position)
        if report.position >= 200:
            raise Killed

    with pytest.raises(BaseExceptionGroup):
        await rebuild.rebuild(log.dsn, [HISTORY], stop_half_way)
    half = (await standing(log, "history"))["building"].position
    assert half >= 200
    steps.clear()
    await rebuild.rebuild(log.dsn, [HISTORY], lambda report: steps.append(report.position))
    assert steps[0] == half + 50
    assert (await verify.verify(log.dsn, [HISTORY]))[0].equal


async def test_a_rebuild_of_other_tables_starts_anew(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of another make are not continued."""
    async with log.pool.connection() as connection:
        await rebuild.prepare(connection, HISTORY)
        await connection.execute("UPDATE projections SET position = 99 WHERE role = 'building'")
        assert await rebuild.prepare(connection, HISTORY) == 99
        monkeypatch.setattr(type(HISTORY), "version", 2)
        assert await rebuild.prepare(connection, HISTORY) == 0


async def test_two_rebuilds_of_one_projection_do_not_meet(log: Log) -> None:
    """The second is told that the first is at work."""
    async with log.pool.connection() as connection:
        await connection.execute("SELECT pg_advisory_lock(hashtext('rebuild history'))")
        with pytest.raises(BaseExceptionGroup) as caught:
            await rebuild.rebuild(log.dsn, [HISTORY])
        assert caught.group_contains(rebuild.Busy)
        await connection.execute("SELECT pg_advisory_unlock_all()")


async def test_kept_tables_can_serve_again(log: Log) -> None:
    """With keep the old tables stay, can be switched back to, and are brought up to date by their runner."""
    async with running(log.dsn, HISTORY):
        await reached(log, "history")
        await rebuild.rebuild(log.dsn, [HISTORY], keep=True)
        await talk.fill(log, 20, start=5_000, producers=1)
        await reached(log, "history")
        async with log.pool.connection() as connection:
            await rebuild.switch_back(connection, HISTORY)
        await reached(log, "history")
        assert (await verify.verify(log.dsn, [HISTORY]))[0].equal


async def test_switching_back_without_kept_tables_says_so(log: Log) -> None:
    """There is nothing to switch back to."""
    async with log.pool.connection() as connection:
        with pytest.raises(StoreError, match="no earlier tables"):
            await rebuild.switch_back(connection, HISTORY)


async def test_a_new_version_is_built_while_the_old_one_serves(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner that finds tables of an older version builds its own beside them and goes on there."""
    async with running(log.dsn, HISTORY):
        await reached(log, "history")
    monkeypatch.setattr(type(HISTORY), "version", HISTORY.version + 1)
    async with running(log.dsn, HISTORY):
        deadline = clock.monotonic() + 60
        while (await standing(log, "history"))["live"].version != HISTORY.version:
            assert clock.monotonic() < deadline
            await asyncio.sleep(0.02)
        await reached(log, "history")
    assert (await verify.verify(log.dsn, [HISTORY]))[0].equal


async def test_as_of_any_position(log: Log) -> None:
    """A read model as it was, while the live one serves on, in any order; a few views are kept to fold on from, no scratch table is."""
    async with running(log.dsn, HISTORY):
        await reached(log, "history")
        for position in (0, 1, 57, 13, await log.head(), 58):
            wanted = [row async for row in log.rows() if row.position <= position and row.type in ("message.received", "turn.completed")]
            async with past_views.as_of(log.dsn, HISTORY, position) as (connection, schema):
                row = await (await connection.execute(f"SELECT count(*) FROM {schema}.entries".encode())).fetchone()
                assert row == (len(wanted),)
                if wanted:
                    channel = wanted[-1].channel or 0
                    entries = await history.recent(connection, log.vault, channel, until=position, schema=schema)
                    assert entries == [] or entries[-1].position <= position
    async with log.pool.connection() as connection:
        left = await (await connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'scratch%'")).fetchone()
        kept = await (await connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'past!_%' ESCAPE '!'")).fetchone()
        listed = await (await connection.execute("SELECT count(*) FROM past_views")).fetchone()
    assert left == (0,)
    assert kept == listed
    assert kept is not None
    assert 1 <= kept[0] <= past_views.KEPT + 1


async def test_a_look_at_the_past_folds_a_bounded_part_and_goes_on_where_it_was(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look gets further, none folds what another one folded, and what comes out is a fold from zero. Who is erased leaves no view."""
    head = await log.head()
    monkeypatch.setattr(past_views, "STEP", max(head // 7, 1))
    reached: list[int] = []
    while True:
        try:
            async with past_views.as_of(log.dsn, HISTORY, head, steps=3) as (connection, schema):
                then = await verify.hashes(connection, schema)
            break
        except past_views.NotFoldedYet as error:
            reached.append(error.reached)
    assert reached == sorted(set(reached))
    assert len(reached) >= 2
    async with await connect.connect(log.dsn) as connection, verify.scratch(connection, HISTORY, head) as schema:
        assert await verify.hashes(connection, schema) == then
    person = next(r.event.author_id for r in [r async for r in log.read()] if isinstance(r.event, MessageReceived))
    await erasure.erase(log, person, 1)
    async with log.pool.connection() as connection:
        left = await (await connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'past!_%' ESCAPE '!'")).fetchone()
    assert left == (0,)


async def test_as_of_a_position_the_log_does_not_have(log: Log) -> None:
    """The sentence names the positions there are."""
    with pytest.raises(StoreError, match="positions 1 to"):
        async with past_views.as_of(log.dsn, HISTORY, 10**9):
            pass


class Counter(Projection):
    """Counts messages, and cannot digest the one at `poison`."""

    name = "counter"
    version = 1
    types: ClassVar[frozenset[str]] = frozenset({"message.received"})
    ddl = "CREATE TABLE {schema}.seen (position bigint PRIMARY KEY);"
    poison: ClassVar[int] = 0

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            if row.position == self.poison:
                raise ValueError("what a person wrote must not be quoted")
            await connection.execute(f"INSERT INTO {schema}.seen VALUES (%s)".encode(), (row.position,))


async def _stopped(log: Log) -> runner.Progress:
    deadline = clock.monotonic() + 60
    while (found := (await standing(log, "counter")).get("live")) is None or found.status != "stopped":
        assert clock.monotonic() < deadline
        await asyncio.sleep(0.02)
    return found


async def _poisoned(log: Log) -> int:
    return [row.position async for row in log.rows() if row.type == "message.received"][5]


async def test_poison_stops_one_projection_and_names_itself(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands just before the event; the report has position, type and error but no text; the others go on."""
    poison = await _poisoned(log)
    monkeypatch.setattr(Counter, "poison", poison)
    async with running(log.dsn, Counter(), HISTORY):
        found = await _stopped(log)
        await reached(log, "history")
    assert found.position == poison - 1
    assert found.problem is not None
    assert (found.problem["position"], found.problem["type"], found.problem["error"]) == (poison, "message.received", "ValueError")
    assert "wrote" not in str(found.problem)


async def test_after_mending_it_goes_on_without_a_restart(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """`resume` is enough once the code is right."""
    monkeypatch.setattr(Counter, "poison", await _poisoned(log))
    async with running(log.dsn, Counter()):
        await _stopped(log)
        monkeypatch.setattr(Counter, "poison", 0)
        async with log.pool.connection() as connection:
            assert await runner.resume(connection, "counter")
        await reached(log, "counter")
    assert (await verify.verify(log.dsn, [Counter()]))[0].equal


async def test_a_skipped_event_stays_out_of_every_fold(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live tables, a rebuild and the verification leave out the same event."""
    poison = await _poisoned(log)
    monkeypatch.setattr(Counter, "poison", poison)
    async with running(log.dsn, Counter()):
        await _stopped(log)
        async with log.pool.connection() as connection:
            assert await runner.skip(connection, "counter", "a test") == poison
        await reached(log, "counter")
        assert (await verify.verify(log.dsn, [Counter()]))[0].equal
        await rebuild.rebuild(log.dsn, [Counter()])
    async with log.pool.connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM counter.seen WHERE position = %s", (poison,))).fetchone()
        assert row == (0,)
        with pytest.raises(StoreError, match="not stopped"):
            await runner.skip(connection, "counter", "again")


class Indexer(Projection):
    """Puts a value of each message into an index, as Postgres refuses it for the one at `poison`."""

    name = "indexer"
    version = 1
    types: ClassVar[frozenset[str]] = frozenset({"message.received"})
    ddl = "CREATE TABLE {schema}.seen (position bigint PRIMARY KEY, word text NOT NULL UNIQUE, small integer);"
    poison: ClassVar[int] = 0
    odd: ClassVar[tuple[object, object]] = ("", 0)

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            word, small = self.odd if row.position == self.poison else (f"word {row.position}", 1)
            await connection.execute(f"INSERT INTO {schema}.seen VALUES (%s, %s, %s)".encode(), (row.position, word, small))


ODD: dict[str, tuple[object, object]] = {
    "a NUL": ("a\x00b", 1),
    "longer than an index row": ("".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(300)), 1),
    "a number beyond the column": ("word", 2**31),
    "nothing where something must be": (None, 1),
    "a date that is none": ("word", "2026-02-30"),
}


async def test_what_postgres_refuses_costs_one_row_and_stops_nobody(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event is put aside and listed; live tables, a rebuild and the verification leave it out and go on. Each kind in its own model."""
    monkeypatch.setattr(Indexer, "poison", poison := await _poisoned(log))
    refused = {f"indexer_{number}": odd for number, odd in enumerate(ODD)}
    models: list[Projection] = [type(name, (Indexer,), {"name": name, "odd": ODD[odd]})() for name, odd in refused.items()]
    async with running(log.dsn, *models):
        await reached(log, *refused)
        assert {(await standing(log, name))["live"].status for name in refused} == {"running"}
        assert [verdict.name for verdict in await verify.verify(log.dsn, models) if not verdict.equal] == []
        await rebuild.rebuild(log.dsn, models)
    async with log.pool.connection() as connection:
        kept = {(one.name, one.position, one.type) for one in await aside.kept(connection)}
        assert kept == {(name, poison, "message.received") for name in refused}
        assert await aside.counts(connection) == dict.fromkeys(refused, 1)
        assert [await aside.take_back(connection, name) for name in refused] == [1] * len(refused)


async def test_a_rebuild_puts_aside_what_it_meets_first(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a live runner before it: the new tables are complete but for the one row."""
    monkeypatch.setattr(Indexer, "poison", poison := await _poisoned(log))
    monkeypatch.setattr(Indexer, "odd", ODD["longer than an index row"])
    await rebuild.rebuild(log.dsn, [Indexer()])
    async with log.pool.connection() as connection:
        assert [one.position for one in await aside.kept(connection, "indexer")] == [poison]


async def test_when_every_row_is_refused_it_is_the_program_and_the_read_model_stops(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a fault of ours does not empty a read model row by row."""
    monkeypatch.setattr(aside, "MOST_IN_AN_HOUR", 3)
    monkeypatch.setattr(Indexer, "ddl", Indexer.ddl + "ALTER TABLE {schema}.seen ADD CHECK (small > 1);")
    async with running(log.dsn, Indexer()):
        deadline = clock.monotonic() + 60
        while (found := (await standing(log, "indexer")).get("live")) is None or found.status != "stopped":
            assert clock.monotonic() < deadline
            await asyncio.sleep(0.02)


async def test_far_behind_it_catches_up_in_big_steps(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are the same as in small steps."""
    monkeypatch.setattr(runner, "FAR", 10)
    monkeypatch.setattr(rebuild, "STEP", 60)
    async with running(log.dsn, *ALL):
        await reached(log, *(projection.name for projection in ALL))
        assert all(verdict.equal for verdict in await verify.verify(log.dsn, ALL))


def test_waves_keep_the_order_of_each_key() -> None:
    """Changes of one key stay in order; the same statement of many keys is one statement."""
    a: Change = ("a", {"n": 1})
    b: Change = ("b", {"n": 2})
    from uuid import UUID

    one, two = UUID(int=1), UUID(int=2)
    found = waves([(one, a), (two, a), (one, b), (two, b), (one, a)])
    assert found == [("a", [{"n": 1}, {"n": 1}]), ("b", [{"n": 2}, {"n": 2}]), ("a", [{"n": 1}])]
