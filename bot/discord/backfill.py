"""What was said while the bot was away (R04): fetched per channel, idempotent, answered only while it is fresh.

Channels that the log knows are caught up from the last message known. Of the others Discord tells, with GUILD_CREATE, the newest
message's id: where that is fresh, somebody may have addressed a character there for the first time while nobody listened.
"""

import asyncio
from collections.abc import AsyncIterator

from bot.discord import limits, translate
from bot.discord.ingest import STALE_S, Ingest
from bot.discord.payload import Json
from bot.discord.rest import Busy, Refused, Rest, Unsure
from bot.discord.translate import Place, Us
from engine import clock, ids, log
from engine.events.base import Tags
from engine.events.message import MessageReceived
from engine.store import Log, Query
from projections.models import channels

PAUSES_S = (0.5, 2.0, 5.0, 10.0)
MOST_PAGES = 50
_log = log.get("discord.backfill")


class Backfill:
    """Catches channels up: with at most the last 100 messages after an absence, with all that was dropped for want of room."""

    def __init__(self, log: Log, rest: Rest, ingest: Ingest, us: Us) -> None:
        self._log, self._rest, self._ingest, self._us = log, rest, ingest, us
        self._seen: dict[int, channels.Seen] = {}
        self._since: dict[int, int] = {}

    async def prepare(self) -> int:
        """Note all known channels as behind; answers how many. Nothing of a new connection may be taken before this."""
        async with self._log.pool.connection() as connection:
            self._seen = {seen.channel: seen for seen in await channels.seen(connection, venue="discord")}
            active = await channels.all_active(connection)
        self._since |= {channel: await self._activated(channel) for channel in active.keys() - self._seen.keys()}
        self._ingest.behind |= self._seen.keys() | {channel for channel, since in self._since.items() if since}
        self._ingest.catch_up = self.channel
        return len(self._ingest.behind)

    def noticed(self, guild: Json) -> None:
        """GUILD_CREATE: channels and threads with a fresh message are behind, too."""
        fresh = int((clock.now().timestamp() - STALE_S) * 1000 - ids.DISCORD_EPOCH_MS) << 22
        for place in (*guild.get("channels", ()), *guild.get("threads", ())):
            channel_id, newest = int(place["id"]), int(place.get("last_message_id") or 0)
            if newest > fresh:
                self._since.setdefault(channel_id, fresh)
                self._ingest.behind.add(channel_id)

    async def _activated(self, channel_id: int) -> int:
        """For a channel on Discord where nothing was said since: the earliest id that can be newer than its activation; else 0."""
        query = Query(types=frozenset({"channel.activated"}), tags=Tags(channel=channel_id), backwards=True, limit=1)
        async for row in self._log.rows(query):
            if b'"discord"' in row.data:
                return int(row.occurred_at.timestamp() * 1000 - ids.DISCORD_EPOCH_MS) << 22
        return 0

    async def run(self) -> None:
        """Catch up with every channel that is still behind, the most recently used first."""
        while self._ingest.behind:
            await self._ingest.catch(max(self._ingest.behind, key=self._last))

    async def channel(self, channel_id: int, dropped: int | None = None) -> None:
        """Fetch and take what is newer than the last message known of this channel, or all from the first one `dropped`.

        A refusal ends it quietly.
        """
        taken, first, newest = 0, 0, self._last(channel_id) if dropped is None else dropped - 1
        async for page in self._pages(channel_id, dropped):
            first = first or int(page[0]["id"])
            for payload in page:
                if int(payload["id"]) > newest:
                    message = translate.message(payload, self._place(channel_id), self._us)
                    taken += isinstance(message, MessageReceived) and await self._ingest.store(message)
            self._since[channel_id] = int(page[-1]["id"])
            self._ingest.spans[channel_id] = (first, self._since[channel_id])
        if taken:
            _log.info("caught up", channel=channel_id, messages=taken)

    async def _pages(self, channel_id: int, dropped: int | None) -> AsyncIterator[list[Json]]:
        """Oldest first: the newest page, or every page from the first message dropped."""
        limit = limits.HISTORY_PAGE
        query = {"limit": str(limit)} if dropped is None else {"limit": str(limit), "after": str(dropped - 1)}
        for _ in range(MOST_PAGES):
            page = sorted(await self._page(channel_id, query), key=lambda m: int(m["id"]))
            if page:
                yield page
            if dropped is None or len(page) < limit:
                return
            query["after"] = str(page[-1]["id"])

    async def _page(self, channel_id: int, query: dict[str, str]) -> list[Json]:
        """Up to 100 messages; tried a few times while Discord does not answer."""
        for pause in PAUSES_S:
            try:
                found: list[Json] = await self._rest.call("GET", f"/channels/{channel_id}/messages", query=query) or []
                return found
            except Refused as error:
                _log.info("may not look back", channel=channel_id, status=error.status)
                return []
            except (Unsure, Busy) as error:
                _log.warning("cannot look back yet", channel=channel_id, error=type(error).__name__)
            await asyncio.sleep(pause)
        return []

    def _last(self, channel_id: int) -> int:
        return max(self._seen[channel_id].last_message if channel_id in self._seen else 0, self._since.get(channel_id, 0))

    def _place(self, channel_id: int) -> Place:
        known = self._ingest.place(channel_id)
        seen = self._seen.get(channel_id)
        return Place(known.kind, known.guild_id or (seen.guild if seen else None), known.parent_id)
