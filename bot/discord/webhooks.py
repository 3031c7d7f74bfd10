"""One webhook per channel (A5): found or made on first use, kept in memory, made anew once when it was deleted."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakValueDictionary

from bot.discord import limits
from bot.discord.rest import Busy, Refused, Rest, Unsure
from engine import clock

OUR_NAME = "Tzurot"
REFUSED_S = 30.0
"""How long a refusal is believed without asking again: invalid requests count towards a ban."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook of ours. The token is a secret."""

    id: int
    token: str
    channel_id: int

    def __repr__(self) -> str:
        return f"Hook(id={self.id}, channel_id={self.channel_id})"


class Webhooks:
    """The webhooks of our application, by channel."""

    def __init__(self, rest: Rest, application_id: int) -> None:
        self._rest, self._application_id = rest, application_id
        self._known: dict[int, Hook] = {}
        self._parents: dict[int, int] = {}
        self._refused: dict[int, tuple[Refused, float]] = {}
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def prepare(self, channel_id: int, parent_id: int | None) -> None:
        """Find or make it while the answer is still being generated. What goes wrong shows when it is needed."""
        with suppress(Refused, Unsure, Busy):
            await self.of(channel_id, parent_id)

    async def of(self, channel_id: int, parent_id: int | None = None) -> Hook:
        """The webhook that speaks in a channel; a thread's is its parent's. Raises Refused (remembered for a while), Unsure, Busy."""
        home = parent_id or self._parents.get(channel_id) or channel_id
        lock = self._locks.setdefault(home, asyncio.Lock())
        async with lock:
            if (known := self._known.get(home)) is not None:
                return known
            refused, since = self._refused.get(home, (None, 0.0))
            if refused is not None and clock.monotonic() - since < REFUSED_S:
                raise refused
            try:
                hook = await self._find(home) or await self._make(home)
            except Refused as error:
                if error.code != limits.WRONG_CHANNEL_TYPE or parent_id is not None:
                    self._refused[home] = (error, clock.monotonic())
                    raise
            else:
                self._known[home] = hook
                return hook
        self._parents[channel_id] = parent = await self._parent(channel_id)
        return await self.of(channel_id, parent)

    def forget(self, hook: Hook) -> None:
        """It is gone: the next use makes another."""
        if self._known.get(hook.channel_id) == hook:
            del self._known[hook.channel_id]

    async def _find(self, channel_id: int) -> Hook | None:
        for entry in await self._rest.call("GET", f"/channels/{channel_id}/webhooks") or ():
            if str(entry.get("application_id")) == str(self._application_id) and entry.get("token"):
                return Hook(int(entry["id"]), str(entry["token"]), channel_id)
        return None

    async def _make(self, channel_id: int) -> Hook:
        made = await self._rest.call("POST", f"/channels/{channel_id}/webhooks", {"name": OUR_NAME})
        return Hook(int(made["id"]), str(made["token"]), channel_id)

    async def _parent(self, channel_id: int) -> int:
        """The channel of a thread we know nothing of. Raises Refused when it is no thread."""
        channel = await self._rest.call("GET", f"/channels/{channel_id}")
        if not channel.get("parent_id"):
            raise Refused(400, limits.WRONG_CHANNEL_TYPE, "a webhook in this kind of channel")
        return int(channel["parent_id"])
