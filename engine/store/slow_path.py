"""The slow way into the log, under the head's lock: for what is, or may be, a repeat, a conflict or conditional."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from engine.errors import Conflict, PartialRepeat, StoreError
from engine.store import wire
from engine.store.rows import Appended, Condition, Packed, Unit

Found = tuple[int, bytes, bytes | None]
_TAGS = (("guild", "guild"), ("channel", "channel"), ("user_id", "user"), ("character", "character"), ("turn", "turn"))


class _Events(bytes):
    """A binary array of `new_event`."""


class _Raw(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> Buffer:
        return bytes(obj)


@dataclass(slots=True)
class _Batch:
    before: int
    stored: dict[UUID, Found]
    heads: dict[str, int]
    fresh: dict[UUID, int] = field(default_factory=dict)
    assigned: list[tuple[Packed, int]] = field(default_factory=list)


async def append(connection: AsyncConnection, units: Sequence[Unit], element_oid: int) -> list[Appended | StoreError]:
    """One transaction for all units; each gets its own answer: stored now, stored before, or refused. Raises psycopg.Error."""
    async with connection.transaction():
        batch = await _look(connection, units)
        outcomes = [await _decide(connection, unit, batch) for unit in units]
        if batch.assigned:
            await _insert(connection, batch, element_oid)
    return outcomes


async def heads(connection: AsyncConnection, streams: Sequence[str]) -> dict[str, int]:
    """The version of each stream's newest event; 0 for one that has none."""
    cursor = await connection.execute(
        "SELECT s, coalesce((SELECT version FROM events WHERE stream = s ORDER BY version DESC LIMIT 1), 0) FROM unnest(%s::text[]) AS s",
        (list(streams),),
    )
    return dict(await cursor.fetchall())


async def _look(connection: AsyncConnection, units: Sequence[Unit]) -> _Batch:
    row = await (await connection.execute("SELECT position FROM log_head FOR UPDATE")).fetchone()
    assert row is not None
    events = [packed for unit in units for packed in unit.events]
    cursor = await connection.execute(
        "SELECT event_id, position, data, sealed FROM events WHERE event_id = ANY(%s)", ([packed.new.id for packed in events],), binary=True
    )
    stored = {event_id: (position, data, sealed) for event_id, position, data, sealed in await cursor.fetchall()}
    conditions = [unit.condition for unit in units if unit.condition is not None]
    streams = {packed.new.stream for packed in events} | {name for condition in conditions for name, _ in condition.streams}
    return _Batch(int(row[0]), stored, await heads(connection, sorted(streams)))


async def _decide(connection: AsyncConnection, unit: Unit, batch: _Batch) -> Appended | StoreError:
    known = recognise(unit, batch.stored, batch.fresh)
    if known is not None:
        return known
    versions = versions_of(unit, batch.heads)
    if isinstance(versions, Conflict):
        return versions
    if unit.condition is not None:
        if (moved := next((name for name, version in unit.condition.streams if batch.heads[name] != version), None)) is not None:
            return Conflict(f"stream {moved} that the append depends on was written meanwhile", moved)
        if await _violated(connection, unit.condition, batch.assigned):
            return Conflict("an event that the append's condition excludes was stored meanwhile")
    return _assign(unit, versions, batch)


def recognise(unit: Unit, stored: dict[UUID, Found], fresh: dict[UUID, int]) -> Appended | StoreError | None:
    """What to answer when the unit, or part of it, is in the log or earlier in this batch; None when it is new."""
    positions = [stored[p.new.id][0] if p.new.id in stored else fresh.get(p.new.id) for p in unit.events]
    if positions[0] is None:
        known = next((p.new.id for p, position in zip(unit.events, positions, strict=True) if position is not None), None)
        return PartialRepeat(known) if known else None
    ours = unit.uncertain and all(stored.get(p.new.id, (0, b"", b""))[1:] == (p.data, p.sealed) for p in unit.events)
    return Appended(tuple(position for position in positions if position is not None), repeated=not ours)


def versions_of(unit: Unit, heads: dict[str, int]) -> list[int] | Conflict:
    """The version each event gets, or the conflict with what it expects."""
    ahead, versions = dict[str, int](), list[int]()
    for packed in unit.events:
        head, expect = ahead.get(packed.new.stream, heads.get(packed.new.stream, 0)), packed.new.expect
        if expect is not None and expect != head:
            return Conflict(f"stream {packed.new.stream} is at version {head}, not {expect}", packed.new.stream)
        ahead[packed.new.stream] = head + 1
        versions.append(head + 1)
    return versions


def _assign(unit: Unit, versions: Sequence[int], batch: _Batch) -> Appended:
    for packed, version in zip(unit.events, versions, strict=True):
        batch.heads[packed.new.stream] = version
        batch.assigned.append((packed, version))
        batch.fresh[packed.new.id] = batch.before + len(batch.assigned)
    return Appended(tuple(batch.fresh[packed.new.id] for packed in unit.events))


async def _violated(connection: AsyncConnection, condition: Condition, assigned: Sequence[tuple[Packed, int]]) -> bool:
    if not condition.types:
        return False
    wanted = {column: value for column, name in _TAGS if (value := getattr(condition.tags, name)) is not None}
    statement = " AND ".join(["position > %(after)s", "type = ANY(%(types)s)", *(f"{column} = %({column})s" for column in wanted)])
    cursor = await connection.execute(
        f"SELECT 1 FROM events WHERE {statement} LIMIT 1".encode(), wanted | {"after": condition.after, "types": sorted(condition.types)}
    )
    return await cursor.fetchone() is not None or any(excludes(condition, packed) for packed, _ in assigned)


def excludes(condition: Condition, packed: Packed) -> bool:
    """Whether an event that is about to be written is one the condition does not allow."""
    pairs = [(getattr(condition.tags, name), getattr(packed.new.tags, name)) for _, name in _TAGS]
    return packed.new.event.TYPE in condition.types and all(wanted is None or wanted == there for wanted, there in pairs)


async def _insert(connection: AsyncConnection, batch: _Batch, element_oid: int) -> None:
    elements = [part for packed, version in batch.assigned for part in wire.element(packed.body, version)]
    connection.adapters.register_dumper(_Events, _Raw)
    await connection.execute("SELECT append_events(%b::new_event[])", (_Events(wire.array(elements, len(batch.assigned), element_oid)),))


def is_lost(error: psycopg.Error) -> bool:
    """Whether it is the connection or the server that failed, so that nobody knows whether the work was done."""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not isinstance(error, psycopg.errors.DiskFull)
