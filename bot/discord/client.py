"""nextcord with its traps closed. Everything of the library that surprises is known here and nowhere else.

| nextcord 3.2 does | here |
|---|---|
| ends the connection when its parser cannot digest an event | every parser entry is wrapped: it is counted, logged, and life goes on |
| ends the connection over a frame that its JSON reader refuses | `bot.discord.frames` reads them before it does |
| syncs commands by itself at connect and deletes what it does not know | `on_connect` does nothing; `bot.discord.sync` is called once |
| prints tracebacks, which may quote people, to standard error | `on_error` and `on_application_command_error` log type and place |
| sends presence in IDENTIFY in a shape Discord does not know | none is given; it is set after READY |
| keeps views and forms in stores of its own, and forgets them | none is kept: see bot.discord.custom_ids |
| keeps messages and members in memory | caches off |
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import nextcord
import nextcord.client
from nextcord.asset import Asset
from nextcord.http import Route

from bot.discord.answers import Interaction
from bot.discord.frames import Socket
from bot.discord.payload import Json
from bot.discord.presses import PRESSED
from bot.discord.translate import ChannelFacts, ServerFacts
from engine import log

REAL = "https://discord.com/api/v10"
REAL_CDN = "https://cdn.discordapp.com"
_log = log.get("discord.client")

type Raw = Callable[[Json], None]


nextcord.client.DiscordWebSocket = Socket  # type: ignore[misc]  # the name under which its client looks the class up


def point_at(api_base: str) -> None:
    """Use this REST address; anything but the real Discord serves its CDN beside it, under /cdn."""
    Route.BASE = api_base.rstrip("/")
    Asset.BASE = REAL_CDN if Route.BASE == REAL else Route.BASE.removesuffix("/api/v10") + "/cdn"


def intents() -> nextcord.Intents:
    """What the bot asks to be told. Message content is privileged: it must be switched on in the developer portal."""
    wanted = nextcord.Intents.none()
    wanted.guilds = wanted.guild_messages = wanted.dm_messages = wanted.message_content = True
    wanted.guild_reactions = wanted.dm_reactions = True
    wanted.guild_typing = wanted.dm_typing = True
    return wanted


class Client(nextcord.Client):
    """One connection.

    `raw` takes payloads by event name before nextcord does; `on_up` is awaited after every READY, `on_press` for every press of a
    button, choice in a select and submitted form.
    """

    def __init__(
        self, raw: dict[str, Raw], on_up: Callable[["Client"], Awaitable[None]], on_press: Callable[[Interaction], Awaitable[None]]
    ) -> None:
        super().__init__(
            intents=intents(),
            allowed_mentions=nextcord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=nextcord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=0.5,
            lazy_load_commands=False,
        )
        self._on_up, self._on_press = on_up, on_press
        self.raw = frozenset(raw)
        self.dropped: Counter[str] = Counter()
        self.sessions = 0
        parsers = self._connection.parsers
        for name in {*parsers, *raw}:
            parsers[name] = self._guarded(name, raw.get(name), parsers.get(name))

    def _guarded(self, name: str, raw: Raw | None, parser: Callable[[Any], None] | None) -> Callable[[Any], None]:
        def take(data: Any) -> None:
            for step in (raw, parser):
                if step is None:
                    continue
                try:
                    step(data)
                except Exception as error:  # whatever one event does, the next one is taken
                    self.dropped[name] += 1
                    _log.error("a gateway event could not be digested", event_type=name, ours=step is raw, exc_info=error)

        return take

    async def on_connect(self) -> None:
        """nextcord would sync commands here; see bot.discord.sync."""

    async def on_guild_available(self, guild: nextcord.Guild) -> None:
        """nextcord would sync this server's commands here; ours are global."""

    async def on_ready(self) -> None:
        """READY and the first GUILD_CREATEs are through: presence may be set now."""
        await self.change_presence(status=nextcord.Status.online)
        self.sessions += 1
        await self._on_up(self)

    async def on_interaction(self, interaction: Interaction) -> None:
        """nextcord looks after commands and their autocompletion; presses mean what their custom_id says."""
        if interaction.type in PRESSED:
            await self._on_press(interaction)
        else:
            await super().on_interaction(interaction)

    async def on_error(self, event_method: str, *args: Any, **kwargs: Any) -> None:
        _log.error("an event handler failed", handler=event_method, exc_info=True)

    async def on_application_command_error(self, interaction: nextcord.Interaction[Any], exception: Exception) -> None:
        _log.error("a command failed outside its work", exc_info=getattr(exception, "original", exception))

    def place(self, channel_id: int) -> ChannelFacts:
        """What the connection knows of a channel."""
        channel = self.get_channel(channel_id)
        match channel:
            case nextcord.Thread():
                return ChannelFacts("thread", channel.guild.id, channel.parent_id, adult=_adult(channel.parent))
            case nextcord.abc.GuildChannel():
                return ChannelFacts("guild", channel.guild.id, adult=_adult(channel))
            case _:
                return ChannelFacts()

    def server(self, guild_id: int) -> ServerFacts:
        """What the connection knows of a server."""
        guild = self.get_guild(guild_id)
        if guild is None:
            return ServerFacts()
        return ServerFacts(guild.name, guild.owner_id, guild.system_channel.id if guild.system_channel else None)

    def name_of(self, key: str, guild_id: int | None) -> str:
        """What a channel (`#9`) or a role (`&7`) of this server is called; empty when the connection does not know it."""
        guild = self.get_guild(guild_id) if guild_id is not None else None
        if guild is None:
            return ""
        found = guild.get_role(int(key[1:])) if key.startswith("&") else (guild.get_channel(int(key[1:])) or guild.get_thread(int(key[1:])))
        return found.name if found is not None else ""


def _adult(channel: object) -> bool:
    """Whether Discord says that a channel is age-restricted; a thread is as its parent is."""
    return bool(getattr(channel, "nsfw", False))
