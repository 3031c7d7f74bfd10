"""The one append path of a process: all callers meet here, and what arrives while a batch is being committed is the next batch.

There is no timer: whoever appends alone waits for nobody. Under load two batches are under way: while Postgres writes one, the callers
of the other encode theirs. They never share a stream, so that the failure of one says nothing about the versions in the other. Whatever
is out of the ordinary (a repeat, a conflict, a condition, a lost answer, a stream never seen) leaves the fast way and is dealt with by
`run`, while nothing is under way.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection

from engine import log
from engine.errors import Conflict, StoreError, StoreUnavailable
from engine.store import connect, slow_path, sqlstate, wire
from engine.store.pipe import Pipe
from engine.store.queue import Queue, Slot
from engine.store.rows import Appended, NewEvent, Unit
from engine.timeouts import ANSWER_SECONDS, impatient

BATCH_EVENTS = 1024
BATCH_BYTES = 256 * 1024
FLIGHTS = 2
WORTHWHILE = 8
"""Fewer events than this are no second batch: what a commit costs anyway would outweigh what is won."""
_HEADS = 50_000
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, StoreUnavailable)
_log = log.get("store")


class Writer:
    """Serialises appends with group commit. Start with `run()` in a task; `submit` from any coroutine of its loop."""

    def __init__(self, dsn: str) -> None:
        self.available = True
        self.full = False
        """Whether the last append found no room on the disk."""
        self.queue = Queue()
        self._dsn = dsn
        self._answers: set[asyncio.Future[int]] = set()
        self._flying: set[str] = set()  # streams with events under way
        self._crowd = 1.0  # how many events are usually waiting or under way
        self._worth = 1  # so many waiting are launched at once
        self._held = True
        self._tick_due = False
        self._heads: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._pipe: Pipe | None = None
        self._plain: AsyncConnection | None = None

    def submit(self, unit: Unit) -> Awaitable[Appended]:
        """Store the unit durably. Raises Conflict, PartialRepeat or StorageFull; waits as long as Postgres is away."""
        return self._outside(unit) if self.queue.full else self._inside(unit)

    async def _outside(self, unit: Unit) -> Appended:
        await self.queue.admission()
        return await self._inside(unit)

    def _inside(self, unit: Unit) -> "asyncio.Future[Appended]":
        done = self.queue.add(unit)
        if len(self._answers) < FLIGHTS:
            if self.queue.events >= self._worth:
                self._launch()
            elif not self._answers:
                self._later()
        return done

    def _later(self) -> None:
        """Launch after all who are about to append have done so."""
        if not self._tick_due:
            self._tick_due = True
            asyncio.get_running_loop().call_soon(self._tick)

    def _tick(self) -> None:
        self._tick_due = False
        if not self._answers:
            self._launch()

    def _launch(self) -> None:
        """Send the next batch if it can go the fast way; else leave it to `run`."""
        if not self.queue.slots:
            return None
        if self._held or self._pipe is None or self._pipe.broken:
            return self._leave()
        crowd = self.queue.events + self.queue.taken
        batch, elements, streams = self._take()
        if not batch:
            return self._leave()
        self._crowd = max(crowd, self._crowd * 0.95)
        self._worth = 1 if self._crowd < 2 else max(WORTHWHILE, round(self._crowd / 2))
        self._flying |= streams
        events = len(elements) // wire.PARTS
        answer = self._pipe.append(wire.array(elements, events, self._pipe.element_oid))
        self._answers.add(answer)
        answer.add_done_callback(lambda answer: self._landed(batch, streams, events, answer))
        return None

    def _leave(self) -> None:
        """Leave what waits to `run`; while something is under way it is looked at again when that lands."""
        if not self._answers:
            self._wake.set()

    def _take(self) -> tuple[list[Slot], list[bytes], set[str]]:
        """The longest run of waiting units that can go the fast way now, in their order, and their streams."""
        batch: list[Slot] = []
        elements: list[bytes] = []
        streams: set[str] = set()
        size, queue, slots, most = 0, self.queue, self.queue.slots, BATCH_EVENTS * wire.PARTS
        while slots and (not batch or (len(elements) < most and size < BATCH_BYTES)):
            slot = slots[0]
            if slot.done.done():  # its caller was cancelled before anything was sent
                queue.settled(len(queue.pop().unit.events))
                continue
            if slot.unit.slow or not self._encode(slot.unit, elements, streams):
                break
            batch.append(queue.pop())
            size += slot.unit.size
        return batch, elements, streams

    def _encode(self, unit: Unit, elements: list[bytes], streams: set[str]) -> bool:
        """Add the unit's elements with their versions. False when a stream is busy, unknown here, or elsewhere than expected."""
        known, flying = self._heads, self._flying
        ahead: dict[str, int] = {}
        versions: list[int] = []
        for packed in unit.events:
            stream, expect = packed.new.stream, packed.new.expect
            head = ahead[stream] if stream in ahead else known.get(stream, 0 if _begins(packed.new) else -1)
            if head < 0 or (expect is not None and expect != head) or stream in flying:
                return False
            ahead[stream] = head + 1
            versions.append(head + 1)
        for packed, version in zip(unit.events, versions, strict=True):
            elements += wire.element(packed.body, version)
        known.update(ahead)
        streams.update(ahead)
        return True

    def _landed(self, batch: list[Slot], streams: set[str], events: int, answer: "asyncio.Future[int]") -> None:
        self._answers.discard(answer)
        self._flying -= streams
        error = answer.exception()
        if error is None:
            self.full = False
            _resolve(batch, answer.result())
        else:
            self._failed(batch, error)
        self.queue.settled(events)
        if len(self._heads) > _HEADS:
            self._heads.clear()
        if self.queue.slots and not self._answers:
            self._later()

    def _failed(self, batch: Sequence[Slot], error: BaseException) -> None:
        """Put the batch back, to be written the careful way; only a full disk is its callers' business."""
        self._forget(batch)
        if isinstance(error, psycopg.errors.DiskFull):
            return self._no_room(batch, error)
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        self.queue.put_back(batch, uncertain=lost)
        return self._wake.set()

    def _forget(self, batch: Sequence[Slot]) -> None:
        for slot in batch:
            for packed in slot.unit.events:
                self._heads.pop(packed.new.stream, None)

    def saw(self, stream: str, version: int) -> None:
        """Know at which version a stream was a moment ago. Where it has moved since, the database says so."""
        if len(self._heads) > _HEADS:
            self._heads.clear()
        self._heads.setdefault(stream, version)

    async def run(self) -> None:
        """Write until cancelled; then whoever still waits is told so."""
        self._wake.set()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                self._held = True
                await self._unusual()
                self._held = False
                self._launch()
        finally:
            await self._end()

    async def _end(self) -> None:
        """Let what was sent arrive, then refuse the rest."""
        self._held = True
        if self._answers:
            await asyncio.wait(self._answers, timeout=ANSWER_SECONDS)
        self.queue.close()
        await self._disconnect()

    async def _unusual(self) -> None:
        """Everything the fast way cannot do, while nothing is under way: connect, learn versions, write carefully."""
        delay = 0.05
        while not self._answers:
            try:
                if not await self._step():
                    return
                self.available, delay = True, 0.05
            except _AWAY as error:
                self.available = False
                _log.warning("postgres is away, will try again", error=type(error).__name__, waiting=self.queue.events)
                await self._disconnect()
                await asyncio.sleep(delay)
                delay = min(delay * 2, 1.0)
            except psycopg.Error as error:
                if not self.queue.slots:
                    return
                first = self.queue.pop()
                self._single_out([first], error)
                self.queue.settled(len(first.unit.events))

    async def _step(self) -> bool:
        """One thing that had to be done; False when the next unit can go the fast way."""
        if self._pipe is None or self._pipe.broken:
            await self._disconnect()
            self._heads.clear()
            self._pipe = await Pipe.open(self._dsn)
        elif not self.queue.slots:
            return False
        elif self.queue.slots[0].unit.slow:
            await self._write_slow_path(self._pipe.element_oid)
        elif unknown := self._unknown_streams():
            plain = await self._plainly()
            self._heads.update(await impatient(plain, slow_path.heads(plain, unknown)))
        elif self._elsewhere(self.queue.slots[0].unit):
            self.queue.slots[0].unit.slow = True
        else:
            return False
        return True

    def _unknown_streams(self) -> list[str]:
        waiting = (packed.new for slot in self.queue.slots for packed in slot.unit.events)
        return sorted({new.stream for new in waiting if not _begins(new) and new.stream not in self._heads})

    def _elsewhere(self, unit: Unit) -> bool:
        """Whether a stream is, as far as we know, not where the unit expects it. The database has the last word."""
        return isinstance(slow_path.versions_of(unit, self._heads), Conflict)

    async def _write_slow_path(self, element_oid: int) -> None:
        batch = self._slow_batch()
        events = sum(len(slot.unit.events) for slot in batch)
        self._forget(batch)
        try:
            plain = await self._plainly()
            outcomes = await impatient(plain, slow_path.append(plain, [slot.unit for slot in batch], element_oid))
        except psycopg.errors.DiskFull as error:
            self._no_room(batch, error)
        except (*_AWAY, asyncio.CancelledError) as error:
            if isinstance(error, psycopg.Error) and sqlstate.lasts(error):
                return self._single_out(batch, error)
            # The commit may have happened although its answer was lost: the next time look before writing.
            self.queue.put_back(batch, uncertain=True)
            raise
        except psycopg.Error as error:
            self._single_out(batch, error)
        else:
            self.full = False
            for slot, outcome in zip(batch, outcomes, strict=True):
                slot.resolve(outcome)
        finally:
            self.queue.settled(events)

    def _no_room(self, batch: Sequence[Slot], error: psycopg.Error) -> None:
        self.full = True
        _refuse(batch, connect.translate(error))

    def _slow_batch(self) -> list[Slot]:
        batch = [self.queue.pop()]
        slots = self.queue.slots
        while slots and slots[0].unit.slow and not slots[0].unit.alone and not batch[0].unit.alone and len(batch) < BATCH_EVENTS:
            batch.append(self.queue.pop())
        return batch

    def _single_out(self, batch: list[Slot], error: psycopg.Error) -> None:
        """Postgres refused the batch: find out which unit it is."""
        if len(batch) == 1:
            return _refuse(batch, StoreError(f"Postgres refused the event: {type(error).__name__}"))
        for slot in batch:
            slot.unit.alone = True
        return self.queue.put_back(batch, uncertain=False)

    async def _plainly(self) -> AsyncConnection:
        if self._plain is None or self._plain.closed:
            self._plain = await connect.connect(self._dsn, application="tzurot writer", guarded=True)
        return self._plain

    async def _disconnect(self) -> None:
        pipe, plain = self._pipe, self._plain
        self._pipe = self._plain = None
        try:
            if pipe is not None:
                await pipe.close()
        finally:
            if plain is not None:
                with suppress(psycopg.Error):
                    await plain.close()


def _begins(new: NewEvent) -> bool:
    """Whether a stream of which nothing is known is taken to be empty: the database refuses the event where it is not."""
    return new.expect == 0 or (new.expect is None and new.event.OPENS)


def _resolve(batch: Sequence[Slot], before: int) -> None:
    first = before + 1
    for slot in batch:
        count = len(slot.unit.events)
        if not slot.done.done():
            slot.done.set_result(Appended((first,) if count == 1 else tuple(range(first, first + count))))
        first += count


def _refuse(batch: Sequence[Slot], error: StoreError) -> None:
    for slot in batch:
        slot.resolve(error)
