"""What the bot says of itself: how it shows itself (F9), and one message per release in each channel that wants news (F10)."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import nextcord

from bot.discord.client import Client
from bot.discord.components import cut
from bot.discord.post import QUIET
from bot.discord.rest import Busy, Refused, Rest, Unsure
from bot.discord.translate import Us
from engine import clock, ids, log
from engine.bus.consumer import TRANSIENT
from engine.decide.places.bulletin import NOTES, PRESENCE_RULES
from engine.events.build import new
from engine.events.bulletin import PresenceSet, ReleaseTold
from engine.resources.places.showing import PRESENCE
from engine.store import Log
from projections.models.places import releases, servers
from projections.models.places.releases import News

FRESH = timedelta(days=3)
"""Older news are none: a channel that begins to want them is not told of the past."""
LOOKED_AT = 50
"""Newest messages of a channel among which one of ours is looked for, that a crash left unrecorded."""
_log = log.get("discord.bulletins")


class Bulletins:
    """Looked after every few seconds by the process that leads. `guild_of` says which server a channel belongs to."""

    def __init__(self, log_: Log, rest: Rest, us: Us, guild_of: Callable[[int], int | None]) -> None:
        self._store, self._rest, self._us, self._guild_of = log_, rest, us, guild_of
        self._seen: tuple[object, PresenceSet] | None = None
        self._refused: set[tuple[str, int]] = set()

    async def tend(self, client: Client) -> None:
        """Show the bot as was set, and tell of releases where nobody has yet."""
        with suppress(Refused, Unsure, Busy, *TRANSIENT):
            await self._show(client)
        with suppress(*TRANSIENT):
            await self._tell()

    async def _show(self, client: Client) -> None:
        state = PRESENCE_RULES.initial
        for recorded in await self._store.stream(PRESENCE):
            state = PRESENCE_RULES.evolve(state, recorded.event)
        session = (client, client.sessions)
        if self._seen == (session, state.presence) or not client.is_ready():
            return
        status, activity = drawn(state.presence)
        await client.change_presence(status=status, activity=activity)
        self._seen = (session, state.presence)

    async def _tell(self) -> None:
        async with self._store.pool.connection() as connection:
            fresh = await releases.since(connection, clock.now() - FRESH)
            wanted = [one for one in await servers.servers(connection) if one.sheet.news_channel is not None] if fresh else []
            told = {news.version: await releases.told(connection, news.version) for news in fresh}
        for news in fresh:
            for server in wanted:
                channel = server.sheet.news_channel or 0
                known = channel in told[news.version] or (news.version, channel) in self._refused
                if not known and self._guild_of(channel) == server.guild_id:
                    with suppress(Unsure, Busy):  # a channel that must be left alone for a while holds up no other
                        await self._say(news, server.guild_id, channel)

    async def _say(self, news: News, guild: int, channel: int) -> None:
        """One message: found again where a crash came between it and its record."""
        text, key = worded(news), ids.derived("release", news.version, channel)
        try:
            message = await self._said(channel, text)
            if message is None:
                body = {"content": text, "allowed_mentions": QUIET, "enforce_nonce": True, "nonce": key.hex[:24]}
                message = int((await self._rest.call("POST", f"/channels/{channel}/messages", body))["id"])
        except Refused as refused:
            self._refused.add((news.version, channel))
            _log.warning("news of a release cannot be told", channel=channel, status=refused.status)
            return
        event = ReleaseTold(version=news.version, guild_id=guild, channel_id=channel, message_id=message)
        await self._store.append(new(event, key))

    async def _said(self, channel: int, text: str) -> int | None:
        """The message of ours that says this already."""
        found = await self._rest.call("GET", f"/channels/{channel}/messages?limit={LOOKED_AT}")
        ours = [one for one in found if one.get("author", {}).get("id") == str(self._us.user_id) and one.get("content") == text]
        return int(ours[0]["id"]) if ours else None


def worded(news: News) -> str:
    """The message that tells of a release. Pure."""
    title = f": {cut(news.title, 150)}" if news.title and news.title != news.version else ""
    foot = f"\n<{news.url}>" if news.url else ""
    return f"**Version {news.version} is out**{title}\n{cut(news.notes, NOTES)}{foot}\n-# `/server edit` chooses the channel for news."


def drawn(presence: PresenceSet) -> tuple[nextcord.Status, nextcord.BaseActivity | None]:
    """A presence as nextcord takes it. Pure."""
    activity: nextcord.BaseActivity | None = None
    if presence.text and presence.activity == "custom":
        activity = nextcord.CustomActivity(name=presence.text)
    elif presence.text:
        activity = nextcord.Activity(type=nextcord.ActivityType[presence.activity], name=presence.text)
    return nextcord.Status[presence.status], activity
