"""From a raw gateway or REST payload to what happened. Pure: nothing is asked, nothing is looked up.

Every field of a message survives in the event, or stands in DROPPED with its reason, or (when this program does not know it)
in the event's own `dropped`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from bot.discord import parts
from bot.discord.payload import Json, Reader, clean
from engine.events.message import AuthorKind, ChannelKind, MessageDeleted, MessageEdited, MessageReceived
from engine.outside import numbers

PLURALKIT = 466378653216014359
"""PluralKit's application on Discord."""
ORDINARY = frozenset({0, 19, 20, 21, 23})
"""Message types people (and commands) write: default, reply, command, thread starter, context menu. Others are notices by Discord."""
DROPPED = frozenset(
    {
        # The same is kept elsewhere or follows from the id.
        "timestamp",
        "edited_timestamp",
        "referenced_message",
        "message_reference",
        "interaction",
        "channel_type",
        # The name people see is kept; a person's other names are not.
        "author.username",
        "author.global_name",
        # Looks, not content.
        "author.avatar",
        "author.avatar_decoration_data",
        "author.discriminator",
        "author.public_flags",
        "author.flags",
        "author.banner",
        "author.accent_color",
        "author.collectibles",
        "author.primary_guild",
        "author.clan",
        "author.display_name_styles",
        "author.system",
        "member",
        "mentions",
        "mention_channels",
        "components",
        # Pings are Discord's business; nothing here acts on them.
        "mention_everyone",
        "mention_roles",
        # Bookkeeping of the client that sent it.
        "nonce",
        "tts",
        "pinned",
        "flags",
        "position",
        "resolved",
        "interaction_metadata",
        "application",
        "application_id",
        "activity",
        "call",
        "role_subscription_data",
        "purchase_notification",
        "thread",
        "reactions",
        "lobby_member",
        "shared_client_theme",
        "attachments[].id",
        *(f"{where}attachments[].{name}" for where in ("", "message_snapshots[].message.") for name in parts.ATTACHMENT_DROPPED),
        *(f"{where}embeds[].{name}" for where in ("", "message_snapshots[].message.") for name in parts.EMBED_DROPPED),
        *(f"{where}poll.{name}" for where in ("", "message_snapshots[].message.") for name in parts.POLL_DROPPED),
        *(f"message_snapshots[].message.{name}" for name in parts.SNAPSHOT_DROPPED),
        "stickers",
    }
)


MOST_NAMES = 100
MOST_GONE = 1_000
"""Deletions told at once; Discord tells of a hundred."""
ROLES = 250
"""Roles a server can have."""
"""Roles and channels of one message that are looked up."""
_NAMED = re.compile(r"<(#|@&)(\d{1,20})>")


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What the payload does not say about its channel. `adult`: it is age-restricted."""

    kind: ChannelKind = "guild"
    guild_id: int | None = None
    parent_id: int | None = None
    adult: bool = False


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the connection knows of a server: its name, whose it is, and the channel for the server's own messages."""

    name: str = ""
    owner_id: int | None = None
    system_channel_id: int | None = None


@dataclass(frozen=True, slots=True)
class Us:
    """Who we are on Discord: the bot's user and its application. What they say is not news to us."""

    user_id: int
    application_id: int


type NameOf = Callable[[str, int | None], str]
"""What a channel (`#9`) or a role (`&7`) of a server is called; empty when that is not known."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to keep, and why."""

    why: Literal["our own message", "a notice by Discord", "not an edit of the text", "without an id"]


def message(payload: Json, place: ChannelFacts, us: Us, name_of: NameOf = lambda key, guild: "") -> MessageReceived | Ignored:
    """MESSAGE_CREATE, or a message from REST."""
    reader = Reader(payload)
    if not (message_id := reader.number("id")) or not (channel_id := reader.number("channel_id")):
        return Ignored("without an id")
    if _is_ours(reader, us):
        return Ignored("our own message")
    if (reader.number("type") or 0) not in ORDINARY:
        return Ignored("a notice by Discord")
    author = reader.one("author")
    text = reader.text("content")
    guild_id = reader.number("guild_id") or place.guild_id
    found = MessageReceived(
        message_id=message_id,
        channel_id=channel_id,
        guild_id=guild_id,
        parent_channel_id=place.parent_id,
        author_id=author.number("id") or 0,
        author_kind=_kind(reader, author),
        channel_kind="dm" if guild_id is None else place.kind,
        venue="discord",
        reply_to=_reply_to(reader),
        reply_pings=_reply_pings(reader, guild_id),
        mentions_bot=f"<@{us.user_id}>" in text or f"<@!{us.user_id}>" in text,
        webhook_id=reader.number("webhook_id"),
        text=text,
        author_name=_name(author, reader.one("member")),
        attachments=parts.attachments(reader),
        forwards=parts.forwards(reader),
        mentioned=_mentioned(reader, guild_id, name_of),
    )
    return found.model_copy(update={"dropped": reader.unread(DROPPED)[:50]})


def edit(payload: Json, place: ChannelFacts, us: Us) -> MessageEdited | Ignored:
    """MESSAGE_UPDATE. Discord sends it for unfurled links and pins too; only an edit carries `edited_timestamp` and text."""
    reader = Reader(payload)
    if not (message_id := reader.number("id")) or not (channel_id := reader.number("channel_id")):
        return Ignored("without an id")
    if _is_ours(reader, us):
        return Ignored("our own message")
    edited = _milliseconds(reader.text("edited_timestamp"))
    if edited is None or not reader.has("content") or not reader.one("author"):
        return Ignored("not an edit of the text")
    return MessageEdited(
        message_id=message_id,
        channel_id=channel_id,
        guild_id=reader.number("guild_id") or place.guild_id,
        author_id=reader.one("author").number("id") or 0,
        venue="discord",
        edited_ms=edited,
        text=reader.text("content"),
        attachments=parts.attachments(reader),
    )


def roles_of(payload: Json) -> tuple[int, ...]:
    """The roles its author has in the server, as far as the gateway says them; what is fetched later says none."""
    found = payload.get("member")
    roles = found.get("roles") if isinstance(found, dict) else None
    named = [str(role) for role in roles[:ROLES]] if isinstance(roles, list) else []
    return tuple(number for role in named if (number := numbers.whole(role)) is not None)


def is_proxied(payload: Json) -> bool:
    """Whether PluralKit's webhook said it, for a person."""
    return Reader(payload).number("webhook_id") is not None and Reader(payload).number("application_id") == PLURALKIT


def answers_us(payload: Json, us: Us) -> bool:
    """Whether a message replies to something one of our characters said (and not to a command's answer)."""
    target = Reader(payload).one("referenced_message")
    if not target or target.one("interaction_metadata"):
        return False
    return target.number("webhook_id") != us.application_id and _is_ours(target, us)


def deletions(payload: Json) -> list[MessageDeleted]:
    """MESSAGE_DELETE or MESSAGE_DELETE_BULK."""
    reader = Reader(payload)
    channel_id, guild_id = reader.number("channel_id") or 0, reader.number("guild_id")
    ids = payload.get("ids") or [payload.get("id")]
    gone = [number for one in (ids[:MOST_GONE] if isinstance(ids, list) else []) if (number := numbers.whole(str(one)))]
    return [MessageDeleted(message_id=n, channel_id=channel_id, guild_id=guild_id, venue="discord") for n in gone]


@dataclass(frozen=True, slots=True)
class Typed:
    """Somebody types in a channel. Discord says when to the second: taken is its end."""

    channel_id: int
    user_id: int
    at: datetime


def typed(payload: Json, us: Us) -> Typed | None:
    """TYPING_START; None for our own, and for what cannot be read."""
    reader = Reader(payload)
    channel, user, second = reader.number("channel_id"), reader.number("user_id"), reader.number("timestamp")
    if not channel or not user or not second or user == us.user_id or not 0 < second < 1 << 33:
        return None
    return Typed(channel, user, datetime.fromtimestamp(second + 1, UTC))


def _is_ours(reader: Reader, us: Us) -> bool:
    if reader.number("webhook_id") is not None:
        return reader.number("application_id") == us.application_id
    return reader.one("author").number("id") == us.user_id


def _kind(reader: Reader, author: Reader) -> AuthorKind:
    if reader.number("webhook_id") is not None:
        return "webhook"
    return "bot" if author.flag("bot") else "human"


def _name(author: Reader, member: Reader) -> str:
    """What people see: nickname here, else display name, else user name."""
    return member.text("nick") or author.text("global_name") or author.text("username")


def _reply_to(reader: Reader) -> int | None:
    """The message replied to. A reference of type 1 is a forward, not a reply."""
    reference = reader.one("message_reference")
    return reference.number("message_id") if (reference.number("type") or 0) == 0 else None


def _reply_pings(reader: Reader, guild_id: int | None) -> bool:
    """Whether the reply's ping is on. False only where it is known to be off.

    Discord shows the toggle as the author's presence in `mentions`. It never lists a webhook there, whatever the toggle says, and
    has no toggle in DMs: in both cases the reply counts.
    """
    target = reader.one("referenced_message")
    if guild_id is None or not target or target.number("webhook_id") is not None:
        return True
    return target.one("author").number("id") in {user.number("id") for user in reader.many("mentions", MOST_NAMES)}


def _mentioned(reader: Reader, guild_id: int | None, name_of: NameOf) -> dict[str, str]:
    """What ids stand for in the text and in what is forwarded, so that they can be read later.

    People by their id, as the payload names them; roles as `&id` and channels as `#id`, as the server calls them.
    """
    messages = [reader, *(snapshot.one("message") for snapshot in reader.many("message_snapshots", parts.SNAPSHOTS))]
    found: dict[str, str] = {}
    for one in messages:
        found |= {str(user.number("id")): _name(user, user.one("member")) for user in one.many("mentions", MOST_NAMES)}
        found |= {f"#{channel.number('id')}": channel.text("name") for channel in one.many("mention_channels", MOST_NAMES)}
        for kind, number in _NAMED.findall(one.text("content")):
            if len(found) < MOST_NAMES and (name := clean(name_of(kind.removeprefix("@") + number, guild_id))):
                found.setdefault(kind.removeprefix("@") + number, name)
    return found


def _milliseconds(iso: str) -> int | None:
    try:
        return int(datetime.fromisoformat(iso).timestamp() * 1000)
    except ValueError:
        return None
