"""The log as everybody uses it: append, read, find, follow."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import cast
from uuid import UUID

import psycopg

from engine import log as lines
from engine.events.base import Event
from engine.sealing import DataKey
from engine.store import bulk, codec, connect, reader, room, slow_path, tail
from engine.store.opened import Opened
from engine.store.rows import EVERYTHING, Appended, Condition, NewEvent, Query, Recorded, Stored, Unit
from engine.store.seen import MANY, Seen
from engine.store.writer import Writer
from engine.vault import MasterKey, Pool, Subjects, Vault

Teller = Callable[[Sequence[NewEvent], Appended], Awaitable[None]]
"""Called with what an append of this process stored, once it is durable. Must neither wait nor fail."""
_log = lines.get("store")


class Log:
    """An open log. Make one per process with `open_log`."""

    def __init__(self, dsn: str, pool: Pool, vault: Vault, writer: Writer) -> None:
        self.dsn = dsn
        self.pool = pool
        self.vault = vault
        self._writer = writer
        self._gate = asyncio.Lock()
        self._in_turn = 0  # the gate itself looks open between one that leaves it and the next, who has been called
        self._wanted: set[Subjects] = set()
        self._seen = Seen()
        self._opened = Opened()
        self._tellers: list[Teller] = []

    def over(self, pool: Pool) -> "Log":
        """The same log, read over the connections of another pool.

        For whoever is asked while somebody holds a connection of this one: as many of those as it has would wait for one another.
        """
        other = Log(self.dsn, pool, self.vault, self._writer)
        other._seen, other._opened, other._tellers = self._seen, self._opened, self._tellers
        return other

    def upon(self, connection: connect.Connection) -> "Log":
        """The same log, read over a connection in hand: within a pipeline, what is read at once is one round trip. Keys have their own."""
        return self.over(cast(Pool, connect.OneConnection(connection)))

    async def append(self, *events: NewEvent, condition: Condition | None = None) -> Appended:
        """Store the events together, durably. The first event's id is the call's idempotency key.

        A repeat writes nothing and returns the stored positions. Raises Conflict when a stream is not at the expected version
        or the condition does not hold, PartialRepeat, KeyDestroyed, StorageFull. Waits while Postgres is away.
        """
        stored = await self._append(events, condition)
        if not stored.repeated:
            for tell in self._tellers:
                await tell(events, stored)
        return stored

    @contextmanager
    def telling(self, tell: Teller) -> Iterator[None]:
        """For the block, `tell` hears of what is appended here."""
        self._tellers.append(tell)
        try:
            yield
        finally:
            self._tellers.remove(tell)

    async def _append(self, events: Sequence[NewEvent], condition: Condition | None) -> Appended:
        if len(events) == 1 and condition is None and not self._in_turn:
            new = events[0]
            key = self.vault.at_hand(new.subjects) if new.event.SEALED else None
            if key is not None or not new.event.SEALED:
                packed = codec.pack(new, key)
                return await self._writer.submit(Unit((packed,), size=len(packed.body)))
        return await self._append_in_turn(events, condition)

    async def _append_in_turn(self, events: Sequence[NewEvent], condition: Condition | None) -> Appended:
        """The way that may have to wait for keys. Whoever calls meanwhile comes after, so that the order of calls is kept."""
        if not events:
            return Appended(())
        subjects = {event.subjects for event in events if event.subjects and event.event.SEALED}
        self._wanted |= subjects
        self._in_turn += 1
        try:
            async with self._gate:
                keys = await self._keys(subjects)
                packed = tuple([codec.pack(event, keys.get(event.subjects)) for event in events])
                size = sum(len(one.body) for one in packed)
                answer = self._writer.submit(Unit(packed, condition, size, slow=condition is not None))
        finally:
            self._in_turn -= 1
        return await answer

    async def _keys(self, subjects: set[Subjects]) -> Mapping[Subjects, DataKey]:
        """Theirs; on the way those of everybody who waits behind us. As long as Postgres is away, so are we."""
        while True:
            wanted, self._wanted = self._wanted, set()
            try:
                await self.vault.prefetch(wanted | subjects)
                return await self.vault.current(subjects)
            except psycopg.errors.DiskFull as error:
                self._wanted |= wanted
                raise connect.translate(error) from error  # a new person's key needs room, too
            except psycopg.OperationalError as error:
                self._wanted |= wanted
                _log.warning("no keys: postgres is away", error=type(error).__name__)
                await asyncio.sleep(0.25)

    @property
    def available(self) -> bool:
        """False while Postgres is away; appends wait then."""
        return self._writer.available

    async def has_room(self) -> bool:
        """Whether Postgres finds room on its disk. Tried, once an append of this process found none, until there is some."""
        if self._writer.full:
            async with self.pool.connection() as connection:
                self._writer.full = not await room.found(connection)
        return not self._writer.full

    @property
    def waiting(self) -> int:
        """Events that are not stored yet: bounded, see engine.store.queue."""
        return self._writer.queue.events + self._writer.queue.taken

    async def read(self, query: Query = EVERYTHING) -> AsyncGenerator[Recorded[Event]]:
        """Typed events in order of position, texts opened, constant memory."""
        async with aclosing(reader.pages(self.pool.connection, query)) as pages:
            async for page in pages:
                for recorded in await self.open(page):
                    yield recorded

    async def replay(self, after: int = 0, until: int | None = None) -> AsyncGenerator[list[bulk.Replayed]]:
        """Everything in between, some at a time, as fast as it can be read: see engine.store.bulk."""
        end = await self.head() if until is None else until
        async with aclosing(bulk.pages(self.dsn, after, end)) as pages:
            async for page in pages:
                keys = await self.vault.keys({row[4] for row in page if row[4] is not None and row[6] is not None})
                for part in bulk.parts(page):
                    yield bulk.decode(part, keys)

    async def rows(self, query: Query = EVERYTHING) -> AsyncGenerator[Stored]:
        """The same, unopened: no key is needed."""
        async with aclosing(reader.pages(self.pool.connection, query)) as pages:
            async for page in pages:
                for row in page:
                    yield row

    async def open(self, rows: Sequence[Stored]) -> list[Recorded[Event]]:
        """Typed events of rows; those whose key was destroyed come with blanks."""
        keys = await self.vault.keys({row.subject for row in rows if row.subject is not None and row.sealed is not None})
        if len(rows) > MANY:
            return [codec.unpack(row, keys.get(row.subject or "")) for row in rows]
        return self._opened.open(rows, keys)

    async def stream(self, name: str) -> list[Recorded[Event]]:
        """Every event of one stream, oldest first."""
        return await self.open(await self.stream_rows(name))

    async def stream_rows(self, name: str) -> list[Stored]:
        """Its rows, unopened. Whoever read a stream may append to it: its version need not be looked up again."""
        rows = [row async for row in self.rows(Query(stream=name))]
        self._writer.saw(name, rows[-1].version if rows else 0)
        return rows

    async def version(self, stream: str) -> int:
        """The version of a stream's newest event; 0 for one that has none."""
        async with self.pool.connection() as connection:
            return (await slow_path.heads(connection, [stream]))[stream]

    async def find(self, event_id: UUID) -> Recorded[Event] | None:
        """The event with this id."""
        row = await self.row(event_id)
        return (await self.open([row]))[0] if row else None

    async def row(self, event_id: UUID) -> Stored | None:
        """The row of the event with this id, unopened."""
        if (known := self._seen.by_id(event_id)) is not None:
            return known
        async with self.pool.connection() as connection:
            row = await reader.by_id(connection, event_id)
        if row is not None:
            self._seen.keep([row])
        return row

    async def at(self, positions: Sequence[int]) -> list[Recorded[Event]]:
        """The events at these positions, in order of position."""
        return await self.open(await self._at(positions))

    async def _at(self, positions: Sequence[int]) -> list[Stored]:
        wanted = sorted(set(positions))
        known = self._seen.at(wanted) if len(wanted) <= MANY else []
        missing = set(wanted) - {row.position for row in known}
        if not missing:
            return known
        async with self.pool.connection() as connection:
            rows = await reader.at(connection, sorted(missing))
        if len(wanted) <= MANY:
            self._seen.keep(rows)
        return sorted([*known, *rows], key=lambda row: row.position)

    async def head(self) -> int:
        """Position of the newest event; 0 for an empty log."""
        async with self.pool.connection() as connection:
            return await reader.head(connection)

    async def stats(self) -> reader.Stats:
        """Counts per type and space used."""
        async with self.pool.connection() as connection:
            return await reader.stats(connection)

    def follow(self, after: int) -> AsyncGenerator[list[Stored]]:
        """Batches of rows after a position, for ever."""
        return tail.follow(self.dsn, after)


@asynccontextmanager
async def open_log(dsn: str, master: MasterKey, *, older: Sequence[MasterKey] = (), pool_size: int = 4) -> AsyncIterator[Log]:
    """Connect and run the writer for as long as the block lasts."""
    # Keys are fetched in the middle of reading: from the same pool, as many readers as it has connections would wait for one another.
    async with connect.pool(dsn, size=pool_size) as pool, connect.pool(dsn, size=2, application="tzurot keys", patience=1.5) as keys:
        writer = Writer(dsn)
        running = asyncio.create_task(writer.run(), name="log writer")
        vault = Vault(keys, master, older)
        try:
            yield Log(dsn, pool, vault, writer)
        finally:
            running.cancel()
            await asyncio.gather(running, vault.close(), return_exceptions=True)
