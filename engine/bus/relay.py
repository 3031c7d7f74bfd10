"""From the log to the broker: tails by position and publishes references. One process is active, another stands by."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress

import nats.errors
import psycopg
from nats.js import JetStreamContext

from engine import config, log
from engine.bus import broker, subjects
from engine.bus.reference import encode, of_row
from engine.config import Settings
from engine.errors import StoreError
from engine.store import Stored, tail
from engine.store.checkpoint import Checkpoint, Lead, lead
from engine.store.foreign import FOREIGN_VERSION

LINGER_SECONDS = 0.03
"""What is stored within so little time is published together: whoever is in a hurry was told by a hint (engine.bus.hints)."""
ACK_SECONDS = 5.0
WATCH_SECONDS = 2.0
PAUSE_SECONDS, UNCONNECTED_SECONDS = 0.5, 5.0
"""Between two attempts. A new connection to the broker ends either at once."""
_log = log.get("relay")

Unfinished = Callable[[], Awaitable[int]]
"""The lowest position whose event some consumer may not have finished with; head + 1 when there is none.
It may be too low (repeats are no-ops), never too high."""


class _BrokerReplaced(Exception):
    """The stream is not the one we have been filling."""


class Relay:
    """Publishes every event of the log, in order, at least once; the broker drops repeats by message id."""

    def __init__(self, dsn: str, url: str, unfinished: Unfinished, *, replicas: int | None = None) -> None:
        self._replicas = replicas
        self._dsn = dsn
        self._url = url
        self._unfinished = unfinished
        self._wake = asyncio.Event()
        self._again = asyncio.Event()
        self.active = False
        self.position = 0

    async def run(self) -> None:
        """Relay until cancelled: wait to be the one, then never stop for trouble of Postgres or NATS."""
        # Without a buffer: what it keeps while the broker is away would arrive before what was lost on the way there.
        own = broker.broker(self._url, "relay", reconnected=self._reconnected, buffered=False)
        async with broker.connecting(own) as connection:
            while True:
                with suppress(_BrokerReplaced):
                    await self._lead(connection.jetstream())

    async def _reconnected(self) -> None:
        self._wake.set()
        self._again.set()

    async def _lead(self, stream: JetStreamContext) -> None:
        try:
            async with lead(self._dsn) as right:
                self.active = True
                await self._relay(stream, right)
        except (StoreError, psycopg.Error, *broker.TROUBLE) as error:
            _log.warning("will relay again", error=type(error).__name__)
            await self._pause(UNCONNECTED_SECONDS if isinstance(error, nats.errors.OutboundBufferLimitError) else PAUSE_SECONDS)
        finally:
            self.active = False

    async def _pause(self, seconds: float) -> None:
        self._again.clear()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._again.wait(), seconds)

    async def _relay(self, stream: JetStreamContext, right: Lead) -> None:
        start = await self._start(stream, right)
        watching = asyncio.create_task(self._watch(stream, start), name="relay watch")
        tailing = asyncio.create_task(self._tail(stream, right, start), name="relay tail")
        try:
            done, _ = await asyncio.wait((watching, tailing), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            watching.cancel()
            tailing.cancel()
            await asyncio.gather(watching, tailing, return_exceptions=True)

    async def _start(self, stream: JetStreamContext, right: Lead) -> Checkpoint:
        """Where to go on: after the checkpoint, or from what is unfinished when the broker lost what it had."""
        created = await broker.declare(stream, subjects.DURABLES.values(), replicas=self._replicas)
        stored = await right.load()
        if stored.stream_created == created:
            return stored
        position = min(stored.position, await self._unfinished() - 1)
        _log.warning("the broker's stream is new", published=stored.position, again_from=position + 1)
        start = Checkpoint(max(position, 0), created)
        await right.save(start)
        return start

    async def _tail(self, stream: JetStreamContext, right: Lead, start: Checkpoint) -> None:
        self.position = start.position
        async with aclosing(tail.follow(self._dsn, start.position, linger=LINGER_SECONDS)) as batches:
            async for rows in batches:
                await self._publish(stream, rows)
                self.position = rows[-1].position
                await right.save(Checkpoint(self.position, start.stream_created))

    async def _publish(self, stream: JetStreamContext, rows: Sequence[Stored]) -> None:
        """Publish, and after a new connection at once again: answers that were due on the old one will never come."""
        while True:
            self._again.clear()
            publishing = asyncio.ensure_future(publish(stream, rows))
            renewed = asyncio.ensure_future(self._again.wait())
            try:
                await asyncio.wait((publishing, renewed), return_when=asyncio.FIRST_COMPLETED)
                if publishing.done():
                    return publishing.result()
            finally:
                publishing.cancel()
                renewed.cancel()
                await asyncio.gather(publishing, renewed, return_exceptions=True)

    async def _watch(self, stream: JetStreamContext, start: Checkpoint) -> None:
        while True:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), WATCH_SECONDS)
            self._wake.clear()
            with suppress(*broker.TROUBLE):
                if await broker.declare(stream, subjects.DURABLES.values(), replicas=self._replicas) != start.stream_created:
                    raise _BrokerReplaced


async def run(settings: Settings, unfinished: Unfinished) -> None:
    """Relay this configuration's log to its broker until cancelled."""
    dsn, url = config.require_database(settings), config.require_nats(settings)
    await Relay(dsn, url, unfinished, replicas=settings.nats_replicas).run()


async def publish(stream: JetStreamContext, rows: Sequence[Stored]) -> None:
    """Publish references to these rows with many acknowledgements in flight. Raises one of TROUBLE when any is missing."""
    acknowledgements = []
    try:
        for row in rows:
            if row.schema_version == FOREIGN_VERSION:  # an event of an `eventsourcing` application: none of ours is for it
                continue
            reference = of_row(row)
            sent = await stream.publish_async(reference.subject, encode(reference), ACK_SECONDS, headers={"Nats-Msg-Id": str(row.id)})
            acknowledgements.append(sent)
        await asyncio.wait_for(asyncio.gather(*acknowledgements), ACK_SECONDS)
    finally:
        for acknowledgement in acknowledgements:
            acknowledgement.cancel()
