"""Hints that are not kept: a draft has grown. Losing one loses nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from faststream.nats import NatsBroker, NatsMessage
from nats.aio.client import Client

from engine.bus import broker, subjects
from engine.bus.reference import Malformed, Reference, decode

OnDraft = Callable[[int, UUID], Awaitable[None]]
"""Called with (channel, turn)."""
OnEvent = Callable[[Reference], Awaitable[None]]


async def draft_grew(client: Client, venue: str, channel: int, turn: UUID) -> None:
    """Tell whoever watches. Never waits for the broker and never fails."""
    if client.is_connected:
        with suppress(*broker.TROUBLE):
            await client.publish(subjects.of_draft(venue, channel, turn))


@asynccontextmanager
async def drafts(url: str, venue: str, on_draft: OnDraft, name: str = "drafts") -> AsyncIterator[None]:
    """Call back for every draft of a venue that grows, for as long as the block lasts."""

    async def heard(message: NatsMessage) -> None:
        channel, turn = message.raw_message.subject.split(".")[-2:]
        await on_draft(int(channel), UUID(turn))

    async with _listening(url, name, subjects.drafts_of(venue), heard):
        yield


@asynccontextmanager
async def events(url: str, type_: str, on_event: OnEvent, name: str = "events") -> AsyncIterator[NatsBroker]:
    """Call back for every event of a type as it is published, in every process that listens. Hints only: what is missed is not repeated.

    Yields the connected broker, which may be used to send hints.
    """

    async def heard(message: NatsMessage) -> None:
        with suppress(Malformed):
            await on_event(decode(bytes(message.body)))

    async with _listening(url, name, subjects.of_type(type_), heard) as own:
        yield own


@asynccontextmanager
async def _listening(url: str, name: str, subject: str, heard: Callable[[NatsMessage], Awaitable[None]]) -> AsyncIterator[NatsBroker]:
    own = broker.broker(url, name)
    own.subscriber(subject, decoder=_undecoded, no_reply=True)(heard)
    await own.start()
    try:
        yield own
    finally:
        with suppress(*broker.TROUBLE):
            await own.stop()


async def _undecoded(message: NatsMessage) -> NatsMessage:
    return message
