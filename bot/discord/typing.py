"""The typing indicator: shown in a channel for as long as somebody's answer is being made there (A7)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from bot.discord.limits import TYPING_S
from bot.discord.rest import Busy, Refused, Rest, Unsure
from engine import clock

LONGEST_S = 600.0
REFUSED_S = 600.0
"""How long a channel that refused the signal is left alone: refused requests count, and ten thousand in ten minutes shut the bot out."""
MOST_REFUSED = 1000

type StillPending = Callable[[UUID], Awaitable[bool]]


class Typing:
    """Keeps one task per channel that has unanswered turns. A signal that fails is not repeated early: it is only a courtesy."""

    def __init__(self, rest: Rest, still_pending: StillPending) -> None:
        self._rest, self._still_pending = rest, still_pending
        self._waiting: dict[int, set[UUID]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._refused: dict[int, float] = {}

    def begin(self, channel_id: int, turns: list[UUID]) -> None:
        """These turns are being answered."""
        if not turns:
            return
        self._waiting.setdefault(channel_id, set()).update(turns)
        if channel_id not in self._tasks:
            self._tasks[channel_id] = asyncio.create_task(self._keep(channel_id), name=f"typing {channel_id}")

    def end(self, turn: UUID) -> None:
        """This turn's answer is about to appear."""
        for channel_id, turns in list(self._waiting.items()):
            turns.discard(turn)
            if not turns:
                self._stop(channel_id)

    def is_on(self, channel_id: int) -> bool:
        """Whether it is shown there."""
        return channel_id in self._tasks

    def close(self) -> None:
        """Stop all of it."""
        for channel_id in list(self._waiting):
            self._stop(channel_id)

    def _stop(self, channel_id: int) -> None:
        self._waiting.pop(channel_id, None)
        if (task := self._tasks.pop(channel_id, None)) is not None:
            task.cancel()

    async def _keep(self, channel_id: int) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                while self._waiting.get(channel_id):
                    await self._signal(channel_id)
                    await asyncio.sleep(TYPING_S)
                    await self._forget_ended(channel_id)
        self._waiting.pop(channel_id, None)
        self._tasks.pop(channel_id, None)

    async def _signal(self, channel_id: int) -> None:
        if clock.monotonic() < self._refused.get(channel_id, 0.0):
            return
        self._refused.pop(channel_id, None)
        try:
            await self._rest.call("POST", f"/channels/{channel_id}/typing")
        except Refused:
            if len(self._refused) >= MOST_REFUSED:
                self._refused.clear()
            self._refused[channel_id] = clock.monotonic() + REFUSED_S
        except (Unsure, Busy):
            return

    async def _forget_ended(self, channel_id: int) -> None:
        # A turn that was cancelled is never delivered: nobody calls end() for it.
        for turn in list(self._waiting.get(channel_id, ())):
            if not await self._still_pending(turn):
                self._waiting.get(channel_id, set()).discard(turn)
