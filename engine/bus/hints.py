"""Hints that are not kept: an event was stored, a draft has grown, read models have moved. Losing one loses nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from uuid import UUID

from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.aio.msg import Msg

from engine.bus import broker, subjects
from engine.bus.reference import Malformed, Reference, decode, encode, of_new
from engine.store import Appended, Log, NewEvent, progress
from engine.watching import tracing

OnDraft = Callable[[int, UUID], Awaitable[None]]
"""Called with (channel, turn)."""
OnEvent = Callable[[Reference], Awaitable[None]]


def announced(client: Client, log: Log) -> AbstractContextManager[None]:
    """For the block, whoever is woken for events hears of those this process stores, before the relay has come to them."""

    async def tell(events: Sequence[NewEvent], stored: Appended) -> None:
        for new, position in zip(events, stored.positions, strict=True):
            if new.event.TYPE in subjects.WAKING and client.is_connected:
                reference = of_new(new, position)
                with suppress(*broker.TROUBLE):
                    await client.publish(subjects.early(reference.subject), encode(reference), headers=tracing.sending())

    return log.telling(tell)


async def draft_grew(client: Client, venue: str, channel: int, turn: UUID) -> None:
    """Tell whoever watches. Never waits for the broker and never fails."""
    if client.is_connected:
        with suppress(*broker.TROUBLE):
            await client.publish(subjects.of_draft(venue, channel, turn))


@asynccontextmanager
async def read_models_told(url: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """What to call with the position that read models have reached: it tells all who listen. Never waits for the broker, never fails."""
    own = broker.broker(url, "read models", buffered=False)
    connecting = asyncio.create_task(own.connect())

    async def tell(position: int) -> None:
        if connecting.done() and not connecting.cancelled() and connecting.exception() is None and connecting.result().is_connected:
            with suppress(*broker.TROUBLE):
                await connecting.result().publish(subjects.READ_MODELS, b"%d" % position)

    try:
        yield tell
    finally:
        await broker.disconnect(own, connecting)


@asynccontextmanager
async def read_models(client: Client) -> AsyncIterator[None]:
    """For the block, whoever waits for read models in this process looks as soon as they are said to have moved."""

    async def heard(message: Msg) -> None:
        if message.data.isdigit():
            progress.moved(int(message.data))

    subscription = await client.subscribe(subjects.READ_MODELS, cb=heard)
    with progress.hinted():
        try:
            yield
        finally:
            with suppress(*broker.TROUBLE):
                await subscription.unsubscribe()


@asynccontextmanager
async def drafts(url: str, venue: str, on_draft: OnDraft, name: str = "drafts") -> AsyncIterator[NatsBroker]:
    """Call back for every draft of a venue that grows, for as long as the block lasts. Yields the connected broker."""

    async def heard(message: Msg) -> None:
        channel, turn = message.subject.split(".")[-2:]
        await on_draft(int(channel), UUID(turn))

    async with _listening(url, name, subjects.drafts_of(venue), heard) as own:
        yield own


@asynccontextmanager
async def events(url: str, type_: str, on_event: OnEvent, name: str = "events") -> AsyncIterator[NatsBroker]:
    """Call back for every event of a type as it is published, in every process that listens. Hints only: what is missed is not repeated.

    Yields the connected broker, which may be used to send hints.
    """

    async def heard(message: Msg) -> None:
        with suppress(Malformed):
            await on_event(decode(message.data))

    async with _listening(url, name, subjects.of_type(type_), heard) as own:
        yield own


@asynccontextmanager
async def _listening(url: str, name: str, subject: str, heard: Callable[[Msg], Awaitable[None]]) -> AsyncIterator[NatsBroker]:
    """Listen without what a consumer has around each message: a hint is nothing to settle, and there are ten a second of each answer."""
    own = broker.broker(url, name)
    async with broker.connecting(own) as connection:
        await connection.subscribe(subject, cb=heard)
        yield own
