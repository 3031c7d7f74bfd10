"""What happened while the bot was away (R04, R42): read per channel, idempotent, answered only while it is fresh.

Channels that the log knows are caught up from the last message known. Of the others Discord tells, with GUILD_CREATE, the newest
message's id: where that is fresh, somebody may have addressed a character there for the first time while nobody listened.
A channel is behind until it was read: no answer is not an empty answer. Edits and deletions of that time are found by comparing
what prompts could show of the channel with what stands there now, reactions by how many stand below its newest messages.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from bot.discord import limits, translate
from bot.discord.gaps import Gap, NotYet
from bot.discord.ingest import Ingest
from bot.discord.missed_reactions import MissedReactions, Take
from bot.discord.payload import Json, Reader
from bot.discord.rest import Busy, Refused, Rest, Unsure
from bot.discord.translate import ChannelFacts, Us
from engine import clock, ids, log
from engine.bus.consumer import TRANSIENT
from engine.decide.gate import STALE_S
from engine.errors import KeyDestroyed
from engine.events.message import MessageDeleted, MessageEdited, MessageReceived
from engine.store import Log
from projections.models import channels, history

AT_ONCE = 4
"""Channels read at a time: one that does not answer holds up only its own place."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Until a channel that could not be read is tried again."""
REACH = 200
"""Entries of a channel that are compared with Discord: more than a prompt may hold."""
UNKNOWN_MESSAGE = 10008
_log = log.get("discord.backfill")


class Backfill:
    """Catches channels up: with at most the last 100 messages after an absence, with all that was dropped for want of room."""

    def __init__(self, log: Log, rest: Rest, ingest: Ingest, us: Us, take: Take) -> None:
        self._log, self._rest, self._ingest, self._us = log, rest, ingest, us
        self._missed = MissedReactions(log, us.user_id, self._ask, take)
        self._seen: dict[int, channels.Seen] = {}
        self._since: dict[int, int] = {}
        self._later: dict[int, tuple[float, float]] = {}
        self._reading: set[int] = set()

    async def prepare(self) -> int:
        """Note all known channels as behind; answers how many. Nothing of a new connection may be taken before this."""
        async with self._log.pool.connection() as connection:
            self._seen = {seen.channel: seen for seen in await channels.seen(connection, venue="discord")}
            unheard = await channels.unheard(connection, venue="discord")
        activated = {recorded.position: recorded.row.occurred_at for recorded in await self._log.at(list(unheard.values()))}
        for channel_id, position in unheard.items():
            self._since[channel_id] = ids.snowflake_at(activated[position])
        for channel_id in self._seen.keys() | unheard.keys():
            self._ingest.away(channel_id)
        self._ingest.catch_up = self.channel
        return len(self._ingest.behind)

    def noticed(self, guild: Json) -> None:
        """GUILD_CREATE: channels and threads with a fresh message are behind, too."""
        fresh = ids.snowflake_at(clock.now() - timedelta(seconds=STALE_S))
        reader = Reader(guild)
        for place in (*reader.many("channels"), *reader.many("threads")):
            channel_id, newest = place.number("id"), place.number("last_message_id") or 0
            if channel_id and newest > fresh:
                self._since.setdefault(channel_id, fresh)
                self._ingest.away(channel_id)

    async def run(self) -> float | None:
        """Try every channel that is behind, the most recently used first; returns the seconds until one is to be tried again."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._take_turns())
        waiting = [self._later[channel][0] for channel in self._ingest.behind if channel in self._later]
        return max(0.0, min(waiting) - clock.monotonic()) if waiting else None

    async def _take_turns(self) -> None:
        while (channel_id := self._next()) is not None:
            self._reading.add(channel_id)
            try:
                await self._ingest.catch(channel_id)
                self._later.pop(channel_id, None)
            except NotYet as error:
                self._put_off(channel_id, error.after)
                _log.warning("cannot look back yet", channel=channel_id, reason=str(error))
            finally:
                self._reading.discard(channel_id)

    def _next(self) -> int | None:
        now = clock.monotonic()
        due = [c for c in self._ingest.behind if c not in self._reading and self._later.get(c, (0.0, 0.0))[0] <= now]
        return max(due, key=self._last, default=None)

    def _put_off(self, channel_id: int, told: float) -> None:
        pause = min(LONGEST_PAUSE_S, self._later[channel_id][1] * 2 if channel_id in self._later else FIRST_PAUSE_S)
        self._later[channel_id] = (clock.monotonic() + max(pause, told), pause)

    async def channel(self, channel_id: int, gap: Gap) -> None:
        """Read and take what a channel lacks, then settle what became of what it has. Raises NotYet; a refusal is an end.

        Repeating it after NotYet changes nothing that was done.
        """
        known = await self._known(channel_id) if gap.away else []  # before anything is fetched: what lacks then was deleted
        try:
            newest = await self._fetch(channel_id, gap)
            await self._settle(channel_id, gap)
            await self._compare(channel_id, known, newest)
            if newest:
                await self._missed.compare(channel_id, self._place(channel_id).guild_id, newest)
        except Refused as error:
            self._ingest.counts.unreadable += 1
            _log.warning("may not look back", channel=channel_id, status=error.status, code=error.code)
            await self._delete(channel_id, gap.gone)

    async def _fetch(self, channel_id: int, gap: Gap) -> list[Json]:
        """Take the messages of a gap, oldest first; returns the channel's newest page, if that was asked for."""
        taken, first, last = 0, 0, self._last(channel_id) if gap.away else 0
        newest = await self._page(channel_id, {}) if gap.away else []
        since = last if gap.dropped is None else min(last, gap.dropped - 1) if gap.away else gap.dropped - 1
        async for found in self._pages(channel_id, gap, newest):
            if not (page := [payload for payload in found if not ids.is_ahead(int(payload["id"]))]):
                continue
            first = first or int(page[0]["id"])
            for payload in page:
                if int(payload["id"]) > since:
                    taken += await self._take(channel_id, payload)
            self._since[channel_id] = max(self._since.get(channel_id, 0), int(page[-1]["id"]))
            self._ingest.spans[channel_id] = (first, int(page[-1]["id"]))
            gap.dropped = None if gap.dropped is None else max(gap.dropped, int(page[-1]["id"]) + 1)
        if taken:
            _log.info("caught up", channel=channel_id, messages=taken)
        return newest

    async def _pages(self, channel_id: int, gap: Gap, newest: list[Json]) -> AsyncIterator[list[Json]]:
        """Oldest first: the newest page, or every page from the first message dropped."""
        if gap.dropped is None or (newest and int(newest[0]["id"]) <= gap.dropped):
            if newest:
                yield newest
            return
        after = gap.dropped - 1
        while True:
            page = [m for m in await self._page(channel_id, {"after": str(after)}) if int(m["id"]) > after]
            if page:
                yield page
                after = int(page[-1]["id"])
            if len(page) < limits.HISTORY_PAGE:
                return

    async def _take(self, channel_id: int, payload: Json) -> bool:
        """One message; one that cannot be digested is counted and does not cost the others."""
        try:
            message = translate.message(payload, self._place(channel_id), self._us, self._ingest.name_of)
            return isinstance(message, MessageReceived) and await self._ingest.said(message, copy=translate.is_proxied(payload))
        except TRANSIENT:
            raise
        except Exception as error:  # one message nobody can read must not hold up those after it
            self._ingest.counts.failed += 1
            _log.error("a message could not be digested", channel=channel_id, exc_info=error)
            return False

    async def _settle(self, channel_id: int, gap: Gap) -> None:
        """Append the deletions and edits of which only ids were noted."""
        await self._delete(channel_id, gap.gone)
        for message_id in sorted(gap.touched):
            if (payload := await self._message(channel_id, message_id)) is None:
                await self._delete(channel_id, {message_id})
            else:
                await self._edit(channel_id, payload)
            gap.touched.discard(message_id)

    async def _compare(self, channel_id: int, known: Sequence[int], newest: list[Json]) -> None:
        """Append what was deleted or edited among the messages known; a page asked for tells of all that lie between its ends."""
        left, page = list(known), newest
        while left:
            page = page or await self._page(channel_id, {"before": str(left[-1] + 1)})
            if not page and await self._message(channel_id, left[-1]) is not None:
                return  # an empty page may mean that we may not see what was said before
            first = int(page[0]["id"]) if len(page) == limits.HISTORY_PAGE else 0
            shown = {int(payload["id"]): payload for payload in page}
            covered = [message_id for message_id in left if message_id >= first]
            await self._delete(channel_id, {message_id for message_id in covered if message_id not in shown})
            for message_id in covered:
                if message_id in shown:
                    await self._edit(channel_id, shown[message_id])
            left, page = [message_id for message_id in left if message_id < first], []

    async def _delete(self, channel_id: int, gone: set[int]) -> None:
        guild = self._place(channel_id).guild_id
        for message_id in sorted(gone):
            event = MessageDeleted(message_id=message_id, channel_id=channel_id, guild_id=guild, venue="discord")
            await self._ingest.changes.deleted(event)

    async def _edit(self, channel_id: int, payload: Json) -> None:
        """Append an edit when the text that is known is not the one that stands there."""
        event = translate.edit(payload, self._place(channel_id), self._us)
        if not isinstance(event, MessageEdited):
            return
        async with self._log.pool.connection() as connection:
            entry = await history.by_message(connection, self._log.vault, event.message_id)
        if entry is None or entry.erased or (entry.text, entry.attachments) == (event.text, event.attachments):
            return
        try:
            await self._ingest.changes.edited(event)
        except KeyDestroyed:
            _log.info("an edit was not kept", channel=channel_id, reason="the author's key was destroyed")

    async def _known(self, channel_id: int) -> list[int]:
        async with self._log.pool.connection() as connection:
            return await history.message_ids(connection, channel_id, venue="discord", limit=REACH)

    async def _page(self, channel_id: int, where: dict[str, str]) -> list[Json]:
        """Up to 100 messages, oldest first. Raises NotYet, Refused."""
        query = {"limit": str(limits.HISTORY_PAGE)} | where
        found = await self._ask(channel_id, f"/channels/{channel_id}/messages", query) or []
        return sorted(found, key=lambda message: int(message["id"]))

    async def _message(self, channel_id: int, message_id: int) -> Json | None:
        """One message; None when there is none. Raises NotYet, Refused."""
        try:
            found: Json | None = await self._ask(channel_id, f"/channels/{channel_id}/messages/{message_id}", {})
        except Refused as error:
            if error.code == UNKNOWN_MESSAGE:
                return None
            raise
        return found

    async def _ask(self, channel_id: int, path: str, query: dict[str, str]) -> Any:
        """The answer's JSON. Raises NotYet, Refused."""
        try:
            return await self._rest.call("GET", path, query=query)
        except (Unsure, Busy) as error:
            raise NotYet(channel_id, type(error).__name__, error.after if isinstance(error, Busy) else 0.0) from error

    def _last(self, channel_id: int) -> int:
        known = self._seen[channel_id].last_message if channel_id in self._seen else 0
        return max(0 if ids.is_ahead(known) else known, self._since.get(channel_id, 0))

    def _place(self, channel_id: int) -> ChannelFacts:
        known = self._ingest.place(channel_id)
        seen = self._seen.get(channel_id)
        return ChannelFacts(known.kind, known.guild_id or (seen.guild if seen else None), known.parent_id, known.adult)
