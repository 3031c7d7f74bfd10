"""The connection to NATS, and the one place where the stream and its durable consumers are declared."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import nats.errors
import nats.js.errors
from faststream.nats import NatsBroker
from nats.aio import transport
from nats.aio.client import DEFAULT_PENDING_SIZE, Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from engine import log
from engine.bus import subjects
from engine.bus.subjects import Durable

ACK_WAIT_SECONDS = 15.0
"""After this long without a heartbeat what a consumer held is given to another."""
PING_SECONDS = 8
"""A dead peer is given up at the third ping without an answer: after 16 to 24 s (R16)."""
CONNECTING_S = 2.0
"""How long whoever ends waits for a connection that is being made."""
_DAY = 24 * 3600.0
_log = log.get("bus")

Callback = Callable[[], Awaitable[None]]

STREAM = StreamConfig(
    name=subjects.STREAM,
    subjects=[subjects.EVERYTHING],
    retention=RetentionPolicy.LIMITS,
    storage=StorageType.FILE,
    discard=DiscardPolicy.OLD,
    max_age=_DAY,
    max_bytes=512 * 1024 * 1024,
    max_msg_size=4096,
    duplicate_window=600.0,
)

TROUBLE = (nats.errors.Error, nats.js.errors.Error, asyncio.TimeoutError, ConnectionError)
"""What nats-py raises while the broker is away or not yet as it should be."""


def broker(url: str, name: str, *, reconnected: Callback | None = None, buffered: bool = True) -> NatsBroker:
    """An unconnected FastStream broker that never gives up and notices a dead peer within 30 s (R15, R16).

    `buffered`: what is published while the broker is away is sent when it is back; otherwise publishing fails meanwhile.
    """
    servers = [each.strip() for each in url.split(",")]
    if any(each.startswith("ws") for each in servers):
        for package in ("aiohttp", "multidict"):  # left out until somebody needs them: engine.lean
            setattr(transport, package, importlib.import_module(package))
    return NatsBroker(
        servers,
        name=name,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.25,  # type: ignore[arg-type]  # any number of seconds works; 0 would spin
        ping_interval=PING_SECONDS,
        max_outstanding_pings=2,
        connect_timeout=2,
        drain_timeout=2,
        pending_size=DEFAULT_PENDING_SIZE if buffered else 0,
        error_cb=_report,
        disconnected_cb=_lost,
        reconnected_cb=reconnected,
        apply_types=False,
        serializer=None,
        logger=None,
        graceful_timeout=0.2,
    )


@asynccontextmanager
async def connected(url: str, name: str) -> AsyncIterator[JetStreamContext]:
    """A JetStream context for as long as the block lasts. Waits while the broker is away."""
    async with connecting(broker(url, name)) as connection:
        yield connection.jetstream()


@asynccontextmanager
async def connecting(own: NatsBroker) -> AsyncIterator[Client]:
    """Connect for as long as the block lasts. Waits while the broker is away; nothing stays open, however early the end comes."""
    made = asyncio.create_task(own.connect(), name="connecting")
    try:
        yield await asyncio.shield(made)
    finally:
        await disconnect(own, made)


async def disconnect(own: NatsBroker, made: "asyncio.Task[Client]") -> None:
    """Close what was, or is being, connected: cut off half-way, it would leave its socket open."""
    try:
        await asyncio.wait((made,), timeout=CONNECTING_S)
    finally:
        made.cancel()
    await asyncio.gather(made, return_exceptions=True)
    with suppress(*TROUBLE, ExceptionGroup):
        await own.stop()


async def declare(stream: JetStreamContext, durables: Iterable[Durable] = (), *, replicas: int | None = None) -> str:
    """Make the stream and these consumers exist as they should; returns when this incarnation of the stream was created.

    `replicas`: on how many servers of a cluster it is kept; one that has another number is given this one. None leaves that as it is.
    Safe to call at any time and from anywhere. Raises one of TROUBLE.
    """
    try:
        info = await stream.stream_info(subjects.STREAM)
    except nats.js.errors.NotFoundError:
        info = await stream.add_stream(replace(STREAM, num_replicas=replicas or 1))
        _log.info("stream declared", stream=subjects.STREAM)
    if replicas is not None and (info.config.num_replicas or 1) != replicas:
        info = await stream.update_stream(replace(STREAM, num_replicas=replicas))
        _log.info("stream is kept on another number of servers", stream=subjects.STREAM, replicas=replicas)
    for durable in durables:
        await _declare_consumer(stream, durable)
    return info.created.isoformat() if info.created else ""


async def copies(stream: JetStreamContext) -> tuple[str, frozenset[str]]:
    """Which server of a cluster leads the stream, and which others have all of it; "" where none leads. Raises one of TROUBLE."""
    info = (await stream.stream_info(subjects.STREAM)).cluster
    if info is None or not info.leader:
        return "", frozenset()
    return info.leader, frozenset(peer.name for peer in info.replicas or () if peer.name and peer.current and not peer.offline)


async def _declare_consumer(stream: JetStreamContext, durable: Durable) -> None:
    try:
        info = await stream.consumer_info(subjects.STREAM, durable.name)
    except nats.js.errors.NotFoundError:
        info = None
    if info is None or _filters(info.config) != set(durable.filters):
        # One that an earlier version of the program declared is brought up to date; it keeps its place.
        await stream.add_consumer(subjects.STREAM, consumer(durable))
        _log.info("consumer declared", consumer=durable.name)


def _filters(config: ConsumerConfig) -> set[str]:
    return {*(config.filter_subjects or ()), *([config.filter_subject] if config.filter_subject else [])}


def consumer(durable: Durable) -> ConsumerConfig:
    """How a durable consumer is configured: pull, explicit acknowledgement, redelivery without end (the handler decides when to stop)."""
    return ConsumerConfig(
        durable_name=durable.name,
        name=durable.name,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_SECONDS,
        max_deliver=-1,
        max_ack_pending=durable.max_pending,
        filter_subjects=durable.filters,
    )


async def _report(error: Exception) -> None:
    _log.debug("nats reports trouble", error=type(error).__name__)


async def _lost() -> None:
    _log.warning("nats is away, will connect again")
