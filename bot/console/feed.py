"""Tells open pages that something changed, so that they look again. Hints only: pages look from time to time anyway."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from uuid import UUID

from engine import log
from engine.bus import hints
from engine.bus.consumer import TRANSIENT
from engine.store import Log, tail
from projections.follow import runner

_log = log.get("console")


class Watch:
    """One page's ear. `channel` None hears everything."""

    def __init__(self, channel: int | None) -> None:
        self.channel = channel
        self._rang = asyncio.Event()

    def ring(self) -> None:
        self._rang.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until something changed, or so many seconds; whether something did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rang.wait()
        rang = self._rang.is_set()
        self._rang.clear()
        return rang


class Feed:
    """Follows the log and the hints about growing drafts; rings the watches of what changed."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self.closing = asyncio.Event()

    def __len__(self) -> int:
        """How many pages listen."""
        return len(self._watches)

    @contextmanager
    def watch(self, channel: int | None = None) -> Iterator[Watch]:
        """Hear of changes for as long as the block lasts."""
        ear = Watch(channel)
        self._watches.add(ear)
        try:
            yield ear
        finally:
            self._watches.discard(ear)

    def touch(self, channels: set[int | None]) -> None:
        """Something changed in these channels."""
        for ear in self._watches:
            if ear.channel is None or ear.channel in channels:
                ear.ring()

    def close(self) -> None:
        """End every stream: the process is about to end."""
        self.closing.set()
        for ear in self._watches:
            ear.ring()

    async def on_draft(self, channel: int, _turn: UUID) -> None:
        """A draft grew. Timelines do not show drafts."""
        for ear in self._watches:
            if ear.channel == channel:
                ear.ring()


async def follow(feed: Feed, store: Log, on_provider: Callable[[], Awaitable[None]]) -> None:
    """Ring for every event, once the read models show it; call `on_provider` when another provider was connected. For ever."""
    after = await _head(store)
    async with aclosing(tail.follow(store.dsn, after)) as batches:
        async for rows in batches:
            with suppress(*TRANSIENT):
                await runner.wait_for(store.pool, ("history", "turns", "deliveries", "timeline", "jobs"), rows[-1].position, seconds=1.0)
            if any(row.type.startswith("provider.") for row in rows):
                await on_provider()
            feed.touch({row.channel for row in rows})


async def _head(store: Log) -> int:
    while True:
        try:
            return await store.head()
        except TRANSIENT:
            await asyncio.sleep(0.5)


async def follow_drafts(feed: Feed, store: Log, nats_url: str) -> None:
    """Ring for every draft that grows, and hint at what is stored here, while NATS is there. For ever."""
    while True:
        try:
            async with hints.drafts(nats_url, "playground", feed.on_draft, name="console drafts") as listener:
                with hints.announced(listener.config.connection_state.connection, store):
                    await asyncio.Event().wait()
        except Exception as error:  # hints are comfort: without them pages poll
            _log.debug("no draft hints", exc_info=error)
            await asyncio.sleep(2.0)
