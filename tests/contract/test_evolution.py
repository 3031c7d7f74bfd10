"""The next version of any event reaches every read model and every reader as the current one does, whichever way it is folded."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from psycopg import AsyncConnection

from engine import ids, sealing, subjects
from engine.errors import StoreError, UnknownEvent
from engine.events import Event, all_types
from engine.events.base import Tags
from engine.events.build import Cause, new
from engine.store import Log, NewEvent, Query, Stored, bulk, codec, open_log, reader, upcast, wire
from engine.vault import MasterKey
from projections.base import Projection, clear
from projections.follow import forms, rebuild, runner, verify
from projections.registry import ALL
from tests.contract import snapshots

TYPES = dict(all_types())
MOMENT = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD = "_earlier"
"""What every field of the synthetic earlier version ends in."""
ENDS = {"turn.completed", "turn.failed", "turn.cancelled"}
"""A turn has one of them."""
WHY = Cause(tags=Tags(20, 10, 30, ids.derived("character", 1), ids.derived("turn", 1)))
_RAW = """
SELECT append_events(ARRAY[ROW(%s, now(), %s, %s, 's', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, %s, NULL, %s)::new_event])
"""


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        yield opened


@contextmanager
def next_version(monkeypatch: pytest.MonkeyPatch, *types: str) -> Iterator[dict[str, int]]:
    """Today's classes become the next versions of their types; until then every field had another name. Yields the earlier versions."""
    before = {type_: TYPES[type_].VERSION for type_ in types}

    def rename(fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name.removesuffix(OLD): value for name, value in fields.items()}

    with monkeypatch.context() as patched:
        for type_, version in before.items():
            patched.setattr(TYPES[type_], "VERSION", version + 1)
        patched.setattr(upcast, "STEPS", MappingProxyType(dict(upcast.STEPS) | dict.fromkeys(before.items(), rename)))
        _forget()
        yield before
    _forget()


def _forget() -> None:
    bulk._decoder.cache_clear()
    forms._known.cache_clear()
    wire._kind.cache_clear()


def example(type_: str) -> Event:
    """The stored example of today's version."""
    cls = TYPES[type_]
    stored = orjson.loads((snapshots.HISTORIES / snapshots.name_of(cls)).read_bytes())
    apart = {"version": str(ids.derived("version", 1))} if type_ == "reply.edited" else {}  # else it would be the turn's own answer
    return cls.model_validate(_small(stored["data"] | (stored["sealed"] or {}) | apart))


def _small(value: Any) -> Any:
    """Numbers that fit every column: the examples use one large one for ids and counters alike."""
    if isinstance(value, dict):
        return {name: _small(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_small(inner) for inner in value]
    return value % 10_000 + 1000 if isinstance(value, int) and value > 100_000_000 else value


async def store_earlier(log: Log, row: NewEvent, version: int) -> int:
    """Write a row in the synthetic earlier version, as a program of that time did; returns its position."""
    clear, plain = codec.dump(row.event)
    key = await log.vault.key(*(row.subjects or ("system",)))
    sealed = None if plain is None else sealing.seal(key, _old(plain), codec.bound_to(row.id, row.event.TYPE))
    tags = row.tags
    async with log.pool.connection() as connection:
        values = (row.id, MOMENT, row.event.TYPE, version, row.stream, tags.guild, tags.channel, tags.user, tags.character, tags.turn)
        cursor = await connection.execute(
            "SELECT append_events(ARRAY[ROW(%s, %s, %s, %s, %s, NULL, NULL, %s, %s, %s, %s, %s, %s, %s, %s,"
            " (SELECT coalesce(max(version), 0) + 1 FROM events WHERE stream = %s))::new_event])",
            (*values, None if sealed is None else key.subject, _old(clear), sealed, row.stream),
        )
        found = await cursor.fetchone()
    assert found is not None
    return int(found[0]) + 1


def _old(json: bytes) -> bytes:
    return orjson.dumps({name + OLD: value for name, value in orjson.loads(json).items()})


GROUPS = 4
"""Types of one group have an earlier form at the same time; neighbours, which meet in a read model, are in different ones."""


@pytest.mark.parametrize("group", range(GROUPS))
async def test_an_earlier_form_is_folded_and_read_as_todays(log: Log, monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    """Stored under other field names, clear and sealed: `apply` and `load` give the rows of today's form, and readers the same fields."""
    types = set(sorted(TYPES)[group::GROUPS])
    [end] = types & ENDS or {"turn.completed"}
    rows = [
        new(example(name), ids.derived("evolution", name), cause=WHY, occurred_at=MOMENT)
        for name in TYPES
        if name not in ENDS or name == end
    ]
    concerned = [projection for projection in ALL if types & projection.types]
    wanted = await todays(log, rows, concerned)
    with next_version(monkeypatch, *types) as earlier:
        for row in rows:
            if row.event.TYPE in types:
                await store_earlier(log, row, earlier[row.event.TYPE])
            else:
                await log.append(row)
        for projection, tables in zip(concerned, wanted, strict=True):
            assert await folded(log, projection, len(rows)) == tables, projection.name
        for place, row in enumerate(rows):
            if row.event.TYPE in types:
                await read_as_today(log, row, place)


async def read_as_today(log: Log, row: NewEvent, place: int) -> None:
    """By its position, in a replay, and by a read model that kept what is sealed."""
    recorded = (await log.at([place + 1]))[0]
    assert recorded.event == row.event
    replayed = [one.event async for part in log.replay(place, place + 1) for one in part]
    assert [type(one).__name__ for one in replayed] == [type(recorded.event).__name__]
    assert await opened_by_a_read_model(log, recorded.row) == sealed_fields(row.event)


_TODAYS: dict[tuple[str, str], dict[str, Any]] = {}
"""What was folded of today's forms, by read model and by the end that the turn has: the same for every type."""


async def todays(log: Log, rows: list[NewEvent], concerned: list[Projection]) -> list[dict[str, Any]]:
    """The tables of today's forms, folded once for all tests; the log is empty before and after."""
    [end] = [row.event.TYPE for row in rows if row.event.TYPE in ENDS]
    missing = [projection for projection in concerned if (projection.name, end) not in _TODAYS]
    if missing:
        await log.append(*rows)
        for projection in missing:
            _TODAYS[projection.name, end] = await folded(log, projection, len(rows))
        await _empty(log)
    return [_TODAYS[projection.name, end] for projection in concerned]


async def _empty(log: Log) -> None:
    """Begin another log, which the log itself forbids."""
    async with log.pool.connection() as connection:
        for statement in ("DISABLE TRIGGER USER", "", "ENABLE TRIGGER USER"):
            await connection.execute(f"ALTER TABLE events {statement}".encode() if statement else b"TRUNCATE events")
        await connection.execute("UPDATE log_head SET position = 0")
    log._writer._heads.clear()


async def folded(log: Log, projection: Projection, until: int) -> dict[str, Any]:
    """The tables as `apply` and `load` make them, which must be equal; without the columns that say how the row was stored."""
    found = []
    async with log.pool.connection() as connection:
        for schema in ("by_apply", "by_load"):
            async with connection.transaction(force_rollback=True):
                await rebuild.create(connection, projection, schema)
                if schema == "by_apply":
                    rows = [row async for row in reader.rows(connection, Query(until=until, types=projection.types))]
                    await projection.apply(connection, schema, rows)
                else:
                    await rebuild.load(connection, projection, schema, 0, until)
                found.append(await contents(connection, schema))
    assert found[0] == found[1]
    return found[0]


async def contents(connection: AsyncConnection, schema: str) -> dict[str, Any]:
    """Every row of every table, as JSON without what differs between two stored forms of one event."""
    form = "'{sealed,schema_version,edit_sealed,edit_schema_version,data,recorded_at}'::text[]"
    statements = {
        table: f'SELECT to_jsonb(t) - {form} AS found FROM "{schema}"."{table}" t ORDER BY 1'
        for table in sorted(await verify.hashes(connection, schema))
    }
    return {table: await (await connection.execute(statement.encode())).fetchall() for table, statement in statements.items()}


async def opened_by_a_read_model(log: Log, row: Stored) -> dict[str, Any]:
    """The sealed fields as `open_fields` gives them of a copy of the row."""
    if row.sealed is None or row.subject is None:
        return {}
    key = (await log.vault.keys([row.subject]))[row.subject]
    return codec.open_fields(row.sealed, key, row.id, row.type, row.schema_version)


def sealed_fields(event: Event) -> dict[str, Any]:
    plain = codec.dump(event)[1]
    return {} if plain is None else orjson.loads(plain)


async def test_what_an_older_version_kept_clear_and_todays_seals_is_not_copied(log: Log) -> None:
    """A preset of version 1 had its parameters in the clear: no clear column of a read model takes them over from `clear`."""
    stored = orjson.loads((snapshots.HISTORIES / "turn.generation_started.v1.json").read_bytes())
    cls = TYPES["turn.generation_started"]
    async with log.pool.connection() as connection:
        await connection.execute(_RAW, (ids.random_id(), cls.TYPE, 1, orjson.dumps(stored["data"]), 1))
    [found] = [row async for row in log.rows()]
    assert "parameters" in stored["data"]
    assert not clear(found).keys() - cls.CLEAR


async def test_an_event_of_a_newer_program_stops_every_read_model_before_it(log: Log) -> None:
    """Neither way passes over a type or a version it does not know, even one that the read model does not read; the sentence says so."""
    async with log.pool.connection() as connection:
        for number, (type_, version) in enumerate((("channel.context_reset", 99), ("nobody.knows_this", 1))):
            await connection.execute(_RAW, (ids.derived("unknown", number), type_, version, b"{}", number + 1))
        rows = [row async for row in reader.rows(connection, Query())]
        for projection in ALL:
            await runner.install(connection, projection)
            for unknown in rows:
                with pytest.raises(runner.Stopped):
                    await runner.digest(connection, projection, [unknown] if unknown is rows[0] else rows, frozenset())
                with pytest.raises(UnknownEvent, match="is it older than the log"):
                    await rebuild.load(connection, projection, projection.name, unknown.position - 1, unknown.position)
        standing = {one.name: one for one in await runner.progress(connection)}
    for projection in ALL:
        found = standing[projection.name]
        assert (found.position, found.status) == (0, "stopped"), projection.name
        assert "is it older than the log" in str((found.problem or {})["reason"])


async def test_a_read_model_of_another_make_is_outdated_and_nobody_fills_it(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another set of types, tables or forms is another make though the version is the same; one of a newer program is refused."""
    projection = next(p for p in ALL if p.name == "turns")
    await log.append(new(example("turn.requested"), ids.random_id()))
    async with log.pool.connection() as connection:
        await runner.install(connection, projection)
        assert not await forms.outdated(connection, projection)
        rows = [row async for row in reader.rows(connection, Query())]
        for name, value in (("types", projection.types | {"message.deleted"}), ("ddl", projection.ddl + " -- more"), ("late", "SELECT 1")):
            with monkeypatch.context() as patched:
                patched.setattr(type(projection), name, value)
                assert await forms.outdated(connection, projection)
                with pytest.raises(runner.TakenOver):
                    await runner.apply(connection, projection, rows)
        with next_version(monkeypatch, "turn.requested"):
            assert await forms.outdated(connection, projection)
            await connection.execute("UPDATE projections SET forms = %s", (forms.of(projection),))
        with pytest.raises(StoreError, match="newer program"):
            await forms.outdated(connection, projection)


def test_subjects_are_joined_in_one_way() -> None:
    """Whatever the order they are named in, several subjects are one key name, and its members come back."""
    assert subjects.joined(["user:2", "user:1", "user:2"]) == "user:1+user:2"
    assert subjects.members("user:1+user:2") == ["user:1", "user:2"]
    with pytest.raises(ValueError, match="1 to 64"):
        subjects.joined([])
