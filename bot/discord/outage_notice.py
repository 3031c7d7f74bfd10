"""A word to those who wait: Postgres is away, what they said is held, and they will be answered (R09)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bot.discord.post import QUIET
from bot.discord.rest import Busy, Refused, Rest, Unsure
from bot.notices import BUSY
from engine import clock, ids
from engine.events.message import MessageReceived

EVERY_S = 60.0
"""A channel gets one notice in so long, however much is said there."""

CLOSE_S = 2.0

type ForUs = Callable[[MessageReceived], bool]


class OutageNotice:
    """One notice per channel while messages to us are held there; it goes when the first of them is stored.

    The notice is no part of any conversation: it reaches neither the log nor a prompt. `for_us` must not need Postgres.
    """

    def __init__(self, rest: Rest, for_us: ForUs) -> None:
        self._rest, self._for_us = rest, for_us
        self._said: dict[int, float] = {}
        self._over: dict[int, asyncio.Event] = {}
        self._running: set[asyncio.Task[None]] = set()

    def held(self, message: MessageReceived) -> None:
        """This message could not be stored yet."""
        now, channel = clock.monotonic(), message.channel_id
        self._said = {known: at for known, at in self._said.items() if now - at < EVERY_S}
        if channel in self._over or channel in self._said or not self._for_us(message):
            return
        self._said[channel], self._over[channel] = now, asyncio.Event()
        task = asyncio.create_task(self._show(channel, message.message_id), name="busy notice")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def stored(self, channel: int) -> None:
        """A message of this channel was dealt with: Postgres is back."""
        if (over := self._over.get(channel)) is not None:
            over.set()

    async def close(self) -> None:
        """Take away what stands, as far as Discord answers: whoever goes on from here knows nothing of it."""
        for over in self._over.values():
            over.set()
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_S)
        for task in self._running:
            task.cancel()

    async def _show(self, channel: int, message_id: int) -> None:
        nonce = ids.derived("busy notice", message_id).hex[:24]
        body = {"content": BUSY, "allowed_mentions": QUIET, "enforce_nonce": True, "nonce": nonce}
        try:
            with suppress(Refused, Unsure, Busy):
                made = await self._rest.call("POST", f"/channels/{channel}/messages", body)
                await self._over[channel].wait()
                await self._rest.call("DELETE", f"/channels/{channel}/messages/{made['id']}")
        finally:
            self._over.pop(channel, None)
