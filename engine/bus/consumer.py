"""Durable consumers: each reference is handled until it is acknowledged, put aside as poison, or given back.

Whoever stores an event hints at it at once: where a hand is free it is begun with, and its own message, which is on its way through the
log and the relay, joins what was begun. A hint settles nothing, so that one that is lost costs a few milliseconds and no more.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import psycopg
import psycopg_pool
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.aio.msg import Msg

from engine import log
from engine.bus import broker, deadletters, subjects
from engine.bus.reference import Malformed, Reference, decode
from engine.bus.subjects import Durable
from engine.errors import StoreError, TzurotError, UnknownEvent
from engine.events import class_of
from engine.store import Log
from engine.watching import tracing

FETCH_SECONDS = 1.5
"""How long one pull waits: bounds how late a consumer is after the broker was restarted."""
PULLS = 2
"""Pulls of one consumer that wait at the broker at a time: each of them costs both sides something, also when nobody says a word."""
BEAT_SECONDS = broker.ACK_WAIT_SECONDS / 3
WATCH_SECONDS = 2.0
AWAY_SECONDS = 1.0
"""What is given back on leaving comes up again this much later: sooner, it would be handed to our own last pull and lost for a while."""
ATTEMPTS = 5
"""After this many deliveries that failed for a reason we do not know, a reference is put aside."""
MOST_REMEMBERED = 4096
"""References whose failures a process remembers: one it does not settle itself, because another process got it, is forgotten in time."""
_log = log.get("bus")

Handler = Callable[[Reference], Awaitable[None]]
"""Called once per delivery; returning acknowledges. Deliveries may repeat, so it must be idempotent."""


class Poison(TzurotError):
    """Raised by a handler: trying again cannot help."""


class Retry(TzurotError):
    """Raised by a handler: deliver this again after so many seconds. Does not count as a failure."""

    def __init__(self, after: float) -> None:
        self.after = after
        super().__init__(f"to be tried again in {after:g} s")


TRANSIENT = (StoreError, psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout, *broker.TROUBLE)
"""Trouble around us, not in the reference: tried again for as long as it lasts."""


@dataclass(slots=True)
class Failures:
    """How often deliveries of a reference failed here, by its place in the stream.

    The broker counts deliveries, and so the retries a handler wished for as well: those are no failures.
    """

    _odd: dict[int, int] = field(default_factory=dict)
    _trouble: dict[int, int] = field(default_factory=dict)

    def count(self, sequence: int, *, trouble: bool = False) -> int:
        """One more; returns how many there were. `trouble` around us is counted apart: it only sets the pace."""
        counts = self._trouble if trouble else self._odd
        counts[sequence] = counts.pop(sequence, 0) + 1
        if len(counts) > MOST_REMEMBERED:
            del counts[next(iter(counts))]
        return counts[sequence]

    def forget(self, sequence: int) -> None:
        """It was settled."""
        self._odd.pop(sequence, None)
        self._trouble.pop(sequence, None)


@dataclass(slots=True)
class Consumer:
    """The running subscribers of one durable in one process. `hands` are those that are free beyond one for each waiting pull."""

    durable: Durable
    log: Log
    handler: Handler
    hands: asyncio.Semaphore
    concurrency: int
    held: set[asyncio.Task[None]] = field(default_factory=set)
    early: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    """What was begun by hints and waits for its own message, by position."""
    done: dict[int, None] = field(default_factory=dict)
    """Positions of what came to its end before its own message came."""
    failures: Failures = field(default_factory=Failures)
    draining: bool = False

    async def receive(self, message: NatsMessage) -> None:
        """Take one delivery in hand, from bytes to its acknowledgement; returns when there is a free hand for the next. Never raises."""
        if self.draining:
            await _quietly(message.nack(delay=AWAY_SECONDS))
            return
        task = asyncio.ensure_future(self._settle(message))
        self.held.add(task)
        task.add_done_callback(self._settled)
        with suppress(asyncio.CancelledError):
            await self.hands.acquire()

    async def hear(self, message: Msg) -> None:
        """Begin with what a hint names, where a hand is free. Never raises."""
        if self.draining or len(self.held) + len(self.early) >= self.concurrency:
            return
        with suppress(Malformed, UnknownEvent):
            reference = decode(message.data)
            class_of(reference.type, reference.schema_version)
            if reference.position not in self.early and reference.position not in self.done:
                tracing.passed(reference.turn, self.durable.name, tracing.sent(message.headers))
                begun = self.early[reference.position] = asyncio.ensure_future(self.handler(reference))
                begun.add_done_callback(partial(self._ended, reference.position))

    def _ended(self, position: int, begun: "asyncio.Task[None]") -> None:
        """What failed is begun anew by its own message; what is done is only acknowledged then."""
        if self.early.get(position) is not begun:
            return  # its message has come, and sees to how it ends
        del self.early[position]
        if not begun.cancelled() and begun.exception() is None:
            self.done[position] = None
            if len(self.done) > MOST_REMEMBERED:
                del self.done[next(iter(self.done))]

    def _settled(self, task: asyncio.Task[None]) -> None:
        self.held.discard(task)
        self.hands.release()

    async def drain(self, limit: float) -> None:
        """Take nothing new, let what is held finish within `limit` seconds, then give the rest back."""
        self.draining = True
        if held := {*self.held, *self.early.values()}:
            await asyncio.wait(held, timeout=limit)
        for task in held:
            task.cancel()
        if held:
            await asyncio.wait(held, timeout=2.0)

    async def _settle(self, message: NatsMessage) -> None:
        beating = asyncio.create_task(_beat(message))
        try:
            await self._handle(message)
        except asyncio.CancelledError:
            await _quietly(message.nack(delay=AWAY_SECONDS))
            raise
        finally:
            beating.cancel()

    async def _handle(self, message: NatsMessage) -> None:
        sequence = message.raw_message.metadata.sequence.stream
        reference: Reference | None = None
        try:
            reference = decode(bytes(message.body))
            class_of(reference.type, reference.schema_version)
            if reference.position in self.done:
                del self.done[reference.position]
            else:
                if (begun := self.early.pop(reference.position, None)) is None:
                    tracing.passed(reference.turn, self.durable.name, message.raw_message.metadata.timestamp)
                await (begun or self.handler(reference))
        except Retry as wanted:
            await _quietly(message.nack(delay=max(wanted.after, AWAY_SECONDS) if self.draining else wanted.after))
        except (Malformed, Poison, UnknownEvent) as error:
            await self._put_aside(message, reference, error)
        except TRANSIENT as error:
            attempt = self.failures.count(sequence, trouble=True)
            _log.warning("will try again", consumer=self.durable.name, error=type(error).__name__, attempt=attempt)
            await _quietly(message.nack(delay=_delay(attempt)))
        except Exception as error:  # whatever a handler raises costs its own message, never the consumer
            attempt = self.failures.count(sequence)
            _log.error("handler failed", consumer=self.durable.name, attempt=attempt, exc_info=error)
            if attempt < ATTEMPTS:
                await _quietly(message.nack(delay=_delay(attempt)))
            else:
                await self._put_aside(message, reference, error)
        else:
            self.failures.forget(sequence)
            await _quietly(message.ack())

    async def _put_aside(self, message: NatsMessage, reference: Reference | None, error: Exception) -> None:
        """The record comes first: a reference is only given up once the log says that it was."""
        metadata = message.raw_message.metadata
        deliveries = metadata.num_delivered or 1
        try:
            await deadletters.record(
                self.log,
                consumer=self.durable.name,
                subject=message.raw_message.subject,
                reference=reference,
                error=error,
                deliveries=deliveries,
                sequence=metadata.sequence.stream,
                at=metadata.timestamp.isoformat(),
            )
        except TzurotError:
            await _quietly(message.nack(delay=_delay(deliveries)))
        else:
            self.failures.forget(metadata.sequence.stream)
            await _quietly(message.reject())


@asynccontextmanager
async def consume(
    url: str, log: Log, durable: Durable, handler: Handler, *, concurrency: int = 16, drain_seconds: float = 12.0
) -> AsyncIterator[Consumer]:
    """Handle the durable's references for as long as the block lasts, `concurrency` at a time; on leaving, drain.

    The broker may be away at the start, vanish, or come back empty: consuming goes on by itself.
    """
    pulls = min(PULLS, concurrency)
    consumer = Consumer(durable, log, handler, asyncio.Semaphore(concurrency - pulls), concurrency)
    wake = asyncio.Event()

    async def reconnected() -> None:
        wake.set()

    own = broker.broker(url, durable.name, reconnected=reconnected)
    _subscribe(own, consumer, pulls)
    async with broker.connecting(own) as connection:
        await _declared(own, durable)
        await own.start()
        for subject in durable.filters:
            await connection.subscribe(subjects.early(subject), queue=durable.name, cb=consumer.hear)
        with suppress(*broker.TROUBLE):
            await connection.flush(timeout=2)  # so that it is known there: what is stored from here on is heard of
        watching = asyncio.create_task(_watch(own, durable, wake), name=f"watch {durable.name}")
        try:
            yield consumer
        finally:
            await consumer.drain(drain_seconds)
            watching.cancel()
            with suppress(*broker.TROUBLE, ExceptionGroup):
                await connection.flush(timeout=2)


def _subscribe(own: NatsBroker, consumer: Consumer, pulls: int) -> None:
    # One job per fetch, and none without a free hand: a reference that waited here for one would have no heartbeat.
    for _ in range(pulls):
        own.subscriber(
            config=broker.consumer(consumer.durable),
            durable=consumer.durable.name,
            stream=JStream(subjects.STREAM, declare=False),
            pull_sub=PullSub(batch_size=1, timeout=FETCH_SECONDS),
            decoder=_undecoded,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
        )(consumer.receive)


async def _undecoded(message: NatsMessage) -> NatsMessage:
    return message


async def _declared(own: NatsBroker, durable: Durable) -> None:
    while True:
        try:
            await broker.declare(own.config.connection_state.stream, [durable])
        except broker.TROUBLE as error:
            _log.warning("the broker is not ready", error=type(error).__name__)
            await asyncio.sleep(0.5)
        else:
            return


async def _watch(own: NatsBroker, durable: Durable, wake: asyncio.Event) -> None:
    """Declare the durable again when the broker came back without it."""
    while True:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(wake.wait(), WATCH_SECONDS)
        wake.clear()
        with suppress(*broker.TROUBLE):
            await broker.declare(own.config.connection_state.stream, [durable])


async def _beat(message: NatsMessage) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        await _quietly(message.in_progress())


async def _quietly(answer: Awaitable[None]) -> None:
    # An answer that does not arrive means a redelivery, which the handler must digest anyway.
    with suppress(*broker.TROUBLE):
        await answer


def _delay(attempt: int) -> float:
    return float(min(0.5 * 2 ** min(attempt - 1, 6), 30.0))
