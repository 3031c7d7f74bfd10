"""What exists in the stand-in Discord: people, one or more guilds, channels, messages, webhooks, commands. No I/O."""

import itertools
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.support.discord.errors import MISSING_ACCESS, ApiError, Json, unknown

EPOCH_MS = 1_420_070_400_000
GUILD_TEXT, DM, GUILD_VOICE, GUILD_FORUM, PUBLIC_THREAD = 0, 1, 2, 15, 11
ALL_PERMISSIONS = str((1 << 50) - 1)
EVERYBODY = str(int(ALL_PERMISSIONS) & ~(1 << 3))
"""Everything but to be an administrator, whom no channel can be hidden from."""
TALK = str(1 << 10 | 1 << 11 | 1 << 16)
"""What somebody without any office holds: view, send, read back."""
BITS = {
    "VIEW_CHANNEL": 1 << 10,
    "SEND_MESSAGES": 1 << 11,
    "MANAGE_MESSAGES": 1 << 13,
    "EMBED_LINKS": 1 << 14,
    "ATTACH_FILES": 1 << 15,
    "READ_MESSAGE_HISTORY": 1 << 16,
    "MANAGE_WEBHOOKS": 1 << 29,
}


class Snowflakes:
    """Ever-growing ids; `at` makes one that looks as old as the given time."""

    def __init__(self) -> None:
        self._last_ms, self._count = 0, itertools.count()

    def new(self, at: datetime | None = None) -> str:
        if at is not None:
            return str(((int(at.timestamp() * 1000) - EPOCH_MS) << 22) | (next(self._count) & 0xFFF))
        now = int(time.time() * 1000)
        if now > self._last_ms:
            self._last_ms, self._count = now, itertools.count()
        tick = next(self._count)
        return str(((self._last_ms + (tick >> 12) - EPOCH_MS) << 22) | (tick & 0xFFF))


def moment(snowflake: str) -> str:
    """The ISO time inside a snowflake, as Discord writes `timestamp`."""
    ms = (int(snowflake) >> 22) + EPOCH_MS
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="microseconds")


@dataclass
class User:
    """A person or a bot. `permissions`: what they hold everywhere."""

    id: str
    name: str
    global_name: str | None = None
    bot: bool = False
    avatar: str | None = None
    permissions: str = ALL_PERMISSIONS


@dataclass
class Channel:
    """A text channel, a forum, a thread or a DM. `denied` names permissions the bot lacks here; `hidden_from` people who do not see it."""

    id: str
    type: int
    name: str
    guild_id: str | None = None
    parent_id: str | None = None
    recipient: str | None = None
    owner_id: str | None = None
    archived: bool = False
    locked: bool = False
    denied: set[str] = field(default_factory=set)
    hidden_from: set[str] = field(default_factory=set)
    messages: dict[str, Json] = field(default_factory=dict)


@dataclass
class Guild:
    """A server with an @everyone role (whose id is the guild's) and others by id and name."""

    id: str
    name: str
    owner_id: str
    members: set[str] = field(default_factory=set)
    roles: dict[str, str] = field(default_factory=dict)


@dataclass
class Webhook:
    """An incoming webhook made by the bot or by somebody else's application."""

    id: str
    token: str
    channel_id: str
    guild_id: str | None
    name: str
    application_id: str | None
    avatar: str | None = None


class World:
    """All state, indexed by id, with the lookups that REST handlers need."""

    def __init__(self, token: str) -> None:
        self.ids = Snowflakes()
        self.token = token
        self.base = "http://127.0.0.1"
        self.users: dict[str, User] = {}
        self.guilds: dict[str, Guild] = {}
        self.left: set[str] = set()
        self.channels: dict[str, Channel] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.commands: dict[str | None, list[Json]] = {None: []}
        self.emojis: dict[str, tuple[str, bytes]] = {}
        self.files: dict[str, tuple[bytes, str]] = {}
        self.bot = self.add_user("tzurot", bot=True)
        self.application_id = self.bot.id
        owner = self.add_user("owner")
        self.guild = self.add_guild("Stand-in Guild", owner.id)
        self.add_channel("general")
        self.add_channel("quiet")

    def add_user(self, name: str, *, bot: bool = False, global_name: str | None = None) -> User:
        user = User(self.ids.new(), name, global_name, bot)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, owner_id: str) -> Guild:
        guild = Guild(self.ids.new(), name, owner_id, {owner_id, self.bot.id})
        self.guilds[guild.id] = guild
        return guild

    def add_channel(
        self, name: str, *, kind: int = GUILD_TEXT, parent_id: str | None = None, owner_id: str | None = None, guild_id: str | None = None
    ) -> Channel:
        """A channel or thread of the first server, or of the one named; a thread is where its parent is."""
        parent = self.channels.get(parent_id or "")
        home = (parent.guild_id if parent else guild_id) or self.guild.id
        channel = Channel(self.ids.new(), kind, name, home, parent_id, owner_id=owner_id)
        self.channels[channel.id] = channel
        return channel

    def add_role(self, name: str) -> str:
        """A new role of the server; answers its id."""
        role_id = self.ids.new()
        self.guild.roles[role_id] = name
        return role_id

    def add_webhook(self, channel_id: str, name: str, application_id: str | None, avatar: str | None = None) -> Webhook:
        channel = self.channel(channel_id)
        hook = Webhook(self.ids.new(), secrets.token_urlsafe(48), channel_id, channel.guild_id, name, application_id, avatar)
        self.webhooks[hook.id] = hook
        return hook

    def dm(self, user_id: str) -> Channel:
        """The DM between the bot and this user, made on first use."""
        for channel in self.channels.values():
            if channel.type == DM and channel.recipient == user_id:
                return channel
        channel = Channel(self.ids.new(), DM, self.users[user_id].name, recipient=user_id)
        self.channels[channel.id] = channel
        return channel

    def channel(self, key: str) -> Channel:
        """By id or by name; raises 404 10003."""
        if key in self.channels:
            return self.channels[key]
        for channel in self.channels.values():
            if channel.name == key.lstrip("#") and channel.type != DM:
                return channel
        raise unknown("Channel", 10003)

    def person(self, key: str) -> User:
        """By id or by name; a new name becomes a new member of the guild."""
        if key in self.users:
            return self.users[key]
        for user in self.users.values():
            if user.name == key:
                return user
        user = self.add_user(key, global_name=key.capitalize())
        for guild in self.guilds.values():
            guild.members.add(user.id)
        return user

    def message(self, channel_id: str, message_id: str) -> Json:
        """The stored message; raises 404 10008."""
        found = self.channel(channel_id).messages.get(message_id)
        if found is None:
            raise unknown("Message", 10008)
        return found

    def may(self, channel: Channel, *permissions: str) -> None:
        """Raises 403 when the bot lacks one of the permissions in this channel (a thread asks its parent too)."""
        denied = self.denied(channel)
        if "VIEW_CHANNEL" in denied:
            raise ApiError(*MISSING_ACCESS)
        if denied & set(permissions):
            raise ApiError(403, 50013, "Missing Permissions")

    def denied(self, channel: Channel) -> set[str]:
        """Permissions the bot lacks in this channel; a thread has those of its parent."""
        parent = self.channels.get(channel.parent_id or "")
        return channel.denied | (parent.denied if parent else set())

    def held(self, channel: Channel) -> str:
        """The permissions the bot has in this channel, as Discord's number."""
        return str(int(ALL_PERMISSIONS) & ~sum(BITS.get(name, 0) for name in self.denied(channel)))

    def hook_by_token(self, webhook_id: str, token: str) -> Webhook:
        """The webhook; raises 404 10015 or 401 50027."""
        hook = self.webhooks.get(webhook_id)
        if hook is None:
            raise unknown("Webhook", 10015)
        if hook.token != token:
            raise ApiError(401, 50027, "Invalid Webhook Token")
        return hook
