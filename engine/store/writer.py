"""The one append path of a process: all callers meet in one coroutine, and what arrived during a commit is the next batch."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from engine import log
from engine.errors import Conflict, PartialRepeat, StoreError, StoreUnavailable
from engine.store import connect
from engine.store.rows import Appended, Condition, Packed, Unit

BATCH_EVENTS = 1024
BATCH_BYTES = 256 * 1024
QUEUE_EVENTS = 1000
"""More than this many events waiting, and `append` waits itself: memory stays bounded while Postgres is away."""
_HEADS = 50_000
_APPEND = "SELECT append_events(%b::uuid[],%b::text[],%b::int4[],%b::text[],%b::int2[],%b::timestamptz[],%b::uuid[],%b::uuid[],%b::int8[],%b::int8[],%b::int8[],%b::uuid[],%b::uuid[],%b::text[],%b::bytea[],%b::bytea[])"
_log = log.get("store")

Slot = tuple[Unit, "asyncio.Future[Appended]"]
Assigned = tuple[Packed, int]
"""An event and the version it gets in its stream."""


class Writer:
    """Serialises appends through one connection with group commit. Start with `run()` in a task; `submit` from any coroutine."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._waiting: deque[Slot] = deque()
        self._queued = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Condition()
        self._heads: OrderedDict[str, int] = OrderedDict()
        self._connection: AsyncConnection | None = None

    async def submit(self, unit: Unit) -> Appended:
        """Store the unit durably. Raises Conflict, PartialRepeat or StorageFull; waits as long as Postgres is away."""
        async with self._room:
            await self._room.wait_for(lambda: self._queued < QUEUE_EVENTS)
            self._queued += len(unit.events)
        done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, done))
        self._arrived.set()
        return await done

    async def run(self) -> None:
        """Write batches until cancelled; then whoever still waits is told so."""
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while batch := self._take():
                    await self._write(batch)
        finally:
            for _, done in self._waiting:
                if not done.done():
                    done.set_exception(StoreUnavailable("the writer was closed"))
            await self._disconnect()

    def _take(self) -> list[Slot]:
        batch: list[Slot] = []
        events = size = 0
        while self._waiting and (not batch or (events < BATCH_EVENTS and size < BATCH_BYTES)):
            slot = self._waiting.popleft()
            events, size = events + len(slot[0].events), size + slot[0].size
            batch.append(slot)
        return batch

    async def _write(self, batch: list[Slot]) -> None:
        try:
            await self._persist(batch)
        except asyncio.CancelledError:
            self._waiting.extendleft(reversed(batch))
            raise
        finally:
            async with self._room:
                self._queued -= sum(len(unit.events) for unit, _ in batch)
                self._room.notify_all()

    async def _persist(self, batch: list[Slot]) -> None:
        delay = 0.05
        while True:
            try:
                connection = await self._connect()
                if any(unit.condition or unit.uncertain for unit, _ in batch) or not await self._fast(connection, batch):
                    await self._careful(connection, batch)
                return
            except psycopg.errors.DiskFull as error:
                return _fail(batch, connect.translate(error))
            except (psycopg.OperationalError, psycopg.InterfaceError, StoreUnavailable) as error:
                # The commit may have happened although its answer was lost: from now on look before writing.
                for unit, _ in batch:
                    unit.uncertain = True
                _log.warning("postgres is away, will try again", error=type(error).__name__, delay=delay)
                await self._disconnect()
                await asyncio.sleep(delay)
                delay = min(delay * 2, 1.0)
            except psycopg.Error as error:
                if len(batch) == 1:
                    return _fail(batch, StoreError(f"Postgres refused the event: {type(error).__name__}"))
                for slot in batch:
                    await self._persist([slot])
                return

    async def _fast(self, connection: AsyncConnection, batch: list[Slot]) -> bool:
        """One call that assumes nothing is a repeat and nobody else writes to these streams. False when that was wrong."""
        await self._learn_heads(connection, [packed for unit, _ in batch for packed in unit.events])
        heads = dict[str, int]()
        assigned: list[Assigned] = []
        for unit, _ in batch:
            for packed in unit.events:
                head = heads.get(packed.new.stream, self._heads.get(packed.new.stream, 0))
                if packed.new.expect is not None and packed.new.expect != head:
                    return False
                heads[packed.new.stream] = head + 1
                assigned.append((packed, head + 1))
        try:
            before = await _insert(connection, assigned)
        except psycopg.errors.UniqueViolation:
            return False
        self._remember(heads)
        for unit, done in batch:
            _resolve(done, Appended(tuple(range(before + 1, before + 1 + len(unit.events)))))
            before += len(unit.events)
        return True

    async def _careful(self, connection: AsyncConnection, batch: list[Slot]) -> None:
        """Under the head's lock: recognise repeats, check versions and conditions unit by unit, write the rest."""
        outcomes: list[Appended | StoreError | None] = []
        assigned: list[Assigned] = []
        async with connection.transaction():
            before = await _lock(connection)
            stored = await _find(connection, [packed.new.id for unit, _ in batch for packed in unit.events])
            heads = await _heads(connection, {packed.new.stream for unit, _ in batch for packed in unit.events})
            fresh: dict[UUID, int] = {}
            for unit, _ in batch:
                outcome = _recognise(unit, stored, fresh) or await _refusal(connection, unit, heads, assigned)
                outcomes.append(outcome)
                if outcome is None:
                    _assign(unit, heads, assigned, fresh, before)
            if assigned:
                await _insert(connection, assigned)
        self._remember(heads)
        for (unit, done), outcome in zip(batch, outcomes, strict=True):
            _resolve(done, outcome or Appended(tuple(fresh[packed.new.id] for packed in unit.events)))

    async def _learn_heads(self, connection: AsyncConnection, events: Sequence[Packed]) -> None:
        unknown = {packed.new.stream for packed in events if packed.new.expect is None} - self._heads.keys()
        if unknown:
            self._remember(await _heads(connection, unknown))
        for packed in events:
            if packed.new.expect is not None and packed.new.stream not in self._heads:
                self._heads[packed.new.stream] = packed.new.expect

    def _remember(self, heads: dict[str, int]) -> None:
        for stream, version in heads.items():
            self._heads[stream] = version
            self._heads.move_to_end(stream)
        while len(self._heads) > _HEADS:
            self._heads.popitem(last=False)

    async def _connect(self) -> AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._heads.clear()
            self._connection = await connect.connect(self._dsn, application="tzurot writer")
        return self._connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                await self._connection.close()
            self._connection = None


def _fail(batch: list[Slot], error: StoreError) -> None:
    for _, done in batch:
        _resolve(done, error)


def _resolve(done: "asyncio.Future[Appended]", outcome: Appended | StoreError) -> None:
    if done.done():
        return
    if isinstance(outcome, Appended):
        done.set_result(outcome)
    else:
        done.set_exception(outcome)


async def _lock(connection: AsyncConnection) -> int:
    row = await (await connection.execute("SELECT position FROM log_head FOR UPDATE")).fetchone()
    assert row is not None
    return int(row[0])


async def _find(connection: AsyncConnection, ids: list[UUID]) -> dict[UUID, tuple[int, bytes, bytes | None]]:
    cursor = await connection.execute("SELECT event_id, position, data, sealed FROM events WHERE event_id = ANY(%s)", (ids,))
    return {event_id: (position, data, sealed) for event_id, position, data, sealed in await cursor.fetchall()}


async def _heads(connection: AsyncConnection, streams: set[str]) -> dict[str, int]:
    cursor = await connection.execute(
        "SELECT s, coalesce((SELECT version FROM events WHERE stream = s ORDER BY version DESC LIMIT 1), 0) FROM unnest(%s::text[]) AS s", (sorted(streams),)
    )
    return {stream: version for stream, version in await cursor.fetchall()}


def _recognise(unit: Unit, stored: dict[UUID, tuple[int, bytes, bytes | None]], fresh: dict[UUID, int]) -> Appended | StoreError | None:
    """What to answer when the unit, or part of it, is in the log or earlier in this batch; None when it is new."""
    positions = [stored[p.new.id][0] if p.new.id in stored else fresh.get(p.new.id) for p in unit.events]
    if positions[0] is None:
        known = next((p.new.id for p, position in zip(unit.events, positions, strict=True) if position is not None), None)
        return PartialRepeat(known) if known else None
    ours = unit.uncertain and all(stored.get(p.new.id, (0, b"", b""))[1:] == (p.data, p.sealed) for p in unit.events)
    return Appended(tuple(position for position in positions if position is not None), repeated=not ours)


async def _refusal(connection: AsyncConnection, unit: Unit, heads: dict[str, int], assigned: list[Assigned]) -> StoreError | None:
    ahead = dict(heads)
    for packed in unit.events:
        head, expect = ahead.get(packed.new.stream, 0), packed.new.expect
        if expect is not None and expect != head:
            return Conflict(f"stream {packed.new.stream} is at version {head}, not {expect}")
        ahead[packed.new.stream] = head + 1
    if unit.condition is not None and await _violated(connection, unit.condition, assigned):
        return Conflict("an event that the append's condition excludes was stored meanwhile")
    return None


async def _violated(connection: AsyncConnection, condition: Condition, assigned: list[Assigned]) -> bool:
    tags = condition.tags
    wanted = {"guild": tags.guild, "channel": tags.channel, "user_id": tags.user, "character": tags.character, "turn": tags.turn}
    clauses = [f"{column} = %({column})s" for column, value in wanted.items() if value is not None]
    statement = " AND ".join(["position > %(after)s", "type = ANY(%(types)s)", *clauses])
    cursor = await connection.execute(
        f"SELECT 1 FROM events WHERE {statement} LIMIT 1".encode(), wanted | {"after": condition.after, "types": sorted(condition.types)}
    )
    return await cursor.fetchone() is not None or any(_matches(condition, packed) for packed, _ in assigned)


def _matches(condition: Condition, packed: Packed) -> bool:
    have, want = packed.new.tags, condition.tags
    pairs = ((want.guild, have.guild), (want.channel, have.channel), (want.user, have.user), (want.character, have.character), (want.turn, have.turn))
    return packed.new.event.TYPE in condition.types and all(wanted is None or wanted == there for wanted, there in pairs)


def _assign(unit: Unit, heads: dict[str, int], assigned: list[Assigned], fresh: dict[UUID, int], before: int) -> None:
    for packed in unit.events:
        heads[packed.new.stream] = heads.get(packed.new.stream, 0) + 1
        assigned.append((packed, heads[packed.new.stream]))
        fresh[packed.new.id] = before + len(assigned)


async def _insert(connection: AsyncConnection, assigned: list[Assigned]) -> int:
    """Write the rows at the end of the log; returns the position before the first."""
    news = [packed.new for packed, _ in assigned]
    columns: tuple[list[object], ...] = (
        [n.id for n in news],
        [n.stream for n in news],
        [version for _, version in assigned],
        [n.event.TYPE for n in news],
        [n.event.VERSION for n in news],
        [packed.occurred_at for packed, _ in assigned],
        [n.correlation for n in news],
        [n.causation for n in news],
        [n.tags.guild for n in news],
        [n.tags.channel for n in news],
        [n.tags.user for n in news],
        [n.tags.character for n in news],
        [n.tags.turn for n in news],
        [n.subject for n in news],
        [packed.data for packed, _ in assigned],
        [packed.sealed for packed, _ in assigned],
    )
    row = await (await connection.execute(_APPEND, columns, prepare=True)).fetchone()
    assert row is not None
    return int(row[0])


