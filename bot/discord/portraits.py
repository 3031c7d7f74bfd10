"""Stored pictures of characters on Discord, where webhooks name a picture by its address (ADR 28).

Each picture in use is an emoji of our application: uploaded once, named by its content, served by Discord's own CDN at an address
that never expires. So nobody has to be able to reach this installation from outside. What is no longer in use is taken away again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any

from bot import avatars
from bot.discord import limits
from bot.discord.rest import Busy, Refused, Rest, Unsure
from engine import clock, ids, log
from engine.blobs import pictures
from engine.store import Log

OURS = "tz_"
"""Begins the names of our emojis; the rest is the beginning of the picture's address."""
SEEN_S, REFUSED_S = 600.0, 300.0
"""How long the list of emojis is believed, and how long a failed upload is not tried again."""
YOUNG_S = 900.0
"""A younger emoji is never taken away: another process may know of its character already."""
_log = log.get("discord.portraits")

InUse = Callable[[], Awaitable[Collection[str]]]
"""The addresses of the pictures that characters have now."""


class Portraits:
    """The pictures of our characters that Discord has. One per process."""

    def __init__(self, log: Log, rest: Rest, application_id: int, in_use: InUse) -> None:
        self._log, self._rest, self._in_use = log, rest, in_use
        self._path = f"/applications/{application_id}/emojis"
        self._known: dict[str, int] = {}
        self._seen = self._again = float("-inf")
        self._lock = asyncio.Lock()

    async def url(self, address: str) -> str:
        """Where Discord finds the picture with this address, uploaded if need be; empty where that cannot be done now."""
        name = name_of(address)
        async with self._lock:
            with suppress(Refused, Unsure, Busy):
                await self._look()
                if name not in self._known and clock.monotonic() >= self._again:
                    await self._upload(name, address)
        emoji = self._known.get(name)
        return f"{limits.CDN}/emojis/{emoji}.png?size={limits.EMOJI_SIDE}" if emoji is not None else ""

    async def tidy(self) -> None:
        """Take away emojis of ours that no character uses any more. Raises Refused, Unsure, Busy."""
        wanted = {name_of(address) for address in await self._in_use()}
        async with self._lock:
            await self._look(0.0)
            for name, emoji in list(self._known.items()):
                if name not in wanted and (clock.now() - ids.snowflake_time(emoji)).total_seconds() > YOUNG_S:
                    await self._remove(name, emoji)

    async def _look(self, believed: float = SEEN_S) -> None:
        if clock.monotonic() - self._seen < believed:
            return
        listed: Any = await self._rest.call("GET", self._path)
        self._known = {str(e["name"]): int(e["id"]) for e in (listed or {}).get("items", ()) if str(e.get("name")).startswith(OURS)}
        self._seen = clock.monotonic()

    async def _upload(self, name: str, address: str) -> None:
        content = await avatars.read(self._log, address)
        if content is None:
            return
        body = {"name": name, "image": pictures.data_url(await avatars.thumbnail(content))}
        self._again = clock.monotonic() + REFUSED_S
        try:
            made: Any = await self._rest.call("POST", self._path, body)
        except Refused as error:
            _log.warning("Discord does not take a picture", status=error.status, code=error.code)
            raise
        self._known[name], self._again = int(made["id"]), float("-inf")

    async def _remove(self, name: str, emoji: int) -> None:
        try:
            await self._rest.call("DELETE", f"{self._path}/{emoji}")
        except Refused as error:
            if error.status != 404:
                raise
        self._known.pop(name, None)


def name_of(address: str) -> str:
    """The name of a picture's emoji. Pure."""
    return f"{OURS}{address}"[: limits.EMOJI_NAME]
