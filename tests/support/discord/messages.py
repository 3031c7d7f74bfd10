"""REST for messages: create, read, list, edit, delete, typing, reactions. And the rules Discord checks a message against."""

import copy
import re
from urllib.parse import unquote

from tests.support.discord import payloads
from tests.support.discord.checks import EPHEMERAL, SILENT, SUPPRESS_EMBEDS, VOICE, Allowed, allowed_mentions, check
from tests.support.discord.components import SELECTS, VERSION_2, walk
from tests.support.discord.core import Core
from tests.support.discord.errors import EMPTY_MESSAGE, THREAD_ARCHIVED, THREAD_LOCKED, ApiError, Json, invalid
from tests.support.discord.routes import Call, Reply, route
from tests.support.discord.shapes import mapping, number, snowflake
from tests.support.discord.world import GUILD_FORUM, PUBLIC_THREAD, Channel, World

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_CUSTOM_EMOJI = re.compile(r"(?:a:)?\w{2,32}:\d{1,20}")
REACTIONS = 20
KEPT_FLAGS = SUPPRESS_EMBEDS | SILENT | VOICE | VERSION_2


def mentioned(world: World, content: str, allowed: Allowed = Allowed()) -> Json:  # noqa: B008 - immutable
    """The fields Discord derives from a text: mentions, mention_roles, mention_everyone; only what is allowed to be pinged is listed."""
    ids = [i for i in dict.fromkeys(_USER.findall(content)) if i in world.users and allowed.user(i)]
    return {
        "mentions": [payloads.user(world.users[i]) for i in ids],
        "mention_roles": [i for i in dict.fromkeys(_ROLE.findall(content)) if allowed.role(i)],
        "mention_everyone": allowed.everyone and ("@everyone" in content or "@here" in content),
    }


def attach(world: World, channel: Channel, call: Call) -> list[Json]:
    """Store uploaded files and answer their attachment objects, with what the body says of each."""
    told = {str(one.get("id")): one for one in call.body.get("attachments") or [] if isinstance(one, dict)}
    kept = ("description", "duration_secs", "waveform")
    found = [stored(world, channel, name, kind, data) for _, name, kind, data in call.files]
    said = [told.get(str(n), {}) for n in range(len(found))]
    return [one | {name: about[name] for name in kept if about.get(name) is not None} for one, about in zip(found, said, strict=True)]


def stored(world: World, channel: Channel, name: str, kind: str, data: bytes) -> Json:
    """Keep one file on the stand-in's CDN."""
    file_id = world.ids.new()
    path = f"attachments/{channel.id}/{file_id}/{name}"
    world.files[path] = (data, kind)
    url = f"{world.base}/cdn/{path}"
    return {"id": file_id, "filename": name, "size": len(data), "url": url, "proxy_url": url, "content_type": kind}


def reply_fields(world: World, channel: Channel, reference: object) -> Json:
    """type 19, message_reference and referenced_message of a reply. Raises 400 for a target that is not there, as Discord does."""
    given = mapping("message_reference", reference)
    if given is None or number("message_reference.type", given.get("type"), 0, 1):
        return {}
    wanted = snowflake("message_reference.message_id", given.get("message_id"))
    if wanted is None:
        raise invalid("message_reference.message_id", "BASE_TYPE_REQUIRED", "This field is required")
    elsewhere = given.get("channel_id") is not None and str(given["channel_id"]) != channel.id
    target = None if elsewhere else channel.messages.get(wanted)
    if target is None:
        if given.get("fail_if_not_exists") is False:
            return {}
        raise invalid("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
    link: Json = {"type": 0, "channel_id": channel.id, "message_id": wanted}
    if channel.guild_id:
        link["guild_id"] = channel.guild_id
    inner = {k: v for k, v in shown(world, target).items() if k != "referenced_message"}
    return {"type": 19, "message_reference": link, "referenced_message": inner}


def content_fields(world: World, body: Json) -> Json:
    """What a checked body makes of a message: its text trimmed, who it pings, embeds, components and the flags that are kept."""
    content = str(body.get("content") or "").strip()
    found = mentioned(world, content, allowed_mentions(body)) | {"content": content, "tts": body.get("tts") is True}
    found |= {"embeds": [{"type": "rich"} | e for e in body.get("embeds") or []], "components": numbered(body.get("components") or [])}
    return found | {"flags": int(body.get("flags") or 0) & KEPT_FLAGS}


def numbered(components: list[Json]) -> list[Json]:
    """Components with the ids that Discord gives to those without one."""
    given = copy.deepcopy(components)
    for number_, one in enumerate(walk(given), start=1):
        one.setdefault("id", number_)
        if one["type"] in SELECTS:
            one |= {"min_values": one.get("min_values", 1), "max_values": one.get("max_values", 1)}
    return given


async def publish(core: Core, channel: Channel, message: Json) -> Json:
    """Store a message and send MESSAGE_CREATE (with guild_id and member, as the gateway does)."""
    channel.messages[message["id"]] = message
    await core.gateway.dispatch("MESSAGE_CREATE", gateway_view(core.world, channel, message))
    core.notify()
    return message


def gateway_view(world: World, channel: Channel, message: Json) -> Json:
    """The gateway's form of a message."""
    seen = {k: v for k, v in message.items() if not k.startswith("_")} | {"channel_type": channel.type}
    if channel.guild_id:
        seen["guild_id"] = channel.guild_id
        author = world.users.get(message["author"]["id"])
        if author is not None and "webhook_id" not in message:
            seen["member"] = payloads.member(author, with_user=False)
    return seen


@route("POST", "/channels/{channel_id}/messages")
async def create(core: Core, call: Call) -> Reply:
    channel = core.world.channel(call["channel_id"])
    may_send(core.world, channel, call)
    check(call.body, len(call.files))
    nonce = call.body.get("nonce")
    if nonce is not None and call.body.get("enforce_nonce"):
        for earlier in channel.messages.values():
            if earlier.get("nonce") == nonce and earlier["author"]["id"] == core.world.bot.id:
                return Reply(shown(core.world, earlier))
    extra = content_fields(core.world, call.body)
    reply = reply_fields(core.world, channel, call.body.get("message_reference"))
    if reply and allowed_mentions(call.body).replied_user and "webhook_id" not in reply["referenced_message"]:
        author = reply["referenced_message"]["author"]
        extra["mentions"] = [m for m in extra["mentions"] if m["id"] != author["id"]] + [author]
    extra |= reply | {"attachments": attach(core.world, channel, call)} | ({} if nonce is None else {"nonce": nonce})
    await awaken(core, channel)
    message = payloads.message(core.world, core.world.ids.new(), channel, payloads.user(core.world.bot), **extra)
    return Reply(await publish(core, channel, message))


def may_send(world: World, channel: Channel, call: Call) -> None:
    """Raise 403 or 400 where the bot cannot post this here: permissions for files and embeds, kinds of channel, locked threads."""
    if channel.type == GUILD_FORUM:
        raise ApiError(400, 50008, "Cannot send messages in a non-text channel")
    thread = channel.type == PUBLIC_THREAD
    needed = ["SEND_MESSAGES_IN_THREADS" if thread else "SEND_MESSAGES"]
    needed += ["ATTACH_FILES"] if call.files else []
    needed += ["EMBED_LINKS"] if call.body.get("embeds") else []
    needed += ["READ_MESSAGE_HISTORY"] if call.body.get("message_reference") else []
    world.may(channel, *needed)
    if channel.locked and "MANAGE_THREADS" in world.denied(channel):
        raise ApiError(*THREAD_LOCKED)


async def awaken(core: Core, channel: Channel) -> None:
    """A message in an archived thread opens it again."""
    if channel.archived:
        channel.archived = False
        await core.gateway.dispatch("THREAD_UPDATE", payloads.channel(core.world, channel))


def not_archived(channel: Channel) -> None:
    """Raise 400 where nothing can be changed: in an archived thread."""
    if channel.archived:
        raise ApiError(*THREAD_ARCHIVED)


@route("GET", "/channels/{channel_id}/messages")
async def listing(core: Core, call: Call) -> Reply:
    channel = core.world.channel(call["channel_id"])
    core.world.may(channel, "READ_MESSAGE_HISTORY")
    limit = number("limit", call.query.get("limit", "50"), 1, 100) or 50
    for name in ("before", "after", "around"):
        snowflake(name, call.query.get(name))
    return Reply([shown(core.world, m) for m in window(list(channel.messages.values()), call.query, limit)])


def window(messages: list[Json], query: dict[str, str], limit: int) -> list[Json]:
    """At most `limit` messages, newest first, before / after / around an id; `after` answers those next to the id."""
    ordered = sorted(messages, key=lambda m: int(m["id"]))
    if "after" in query:
        chosen = [m for m in ordered if int(m["id"]) > int(query["after"])][:limit]
    elif "before" in query:
        chosen = [m for m in ordered if int(m["id"]) < int(query["before"])][-limit:]
    elif "around" in query:
        middle = int(query["around"])
        lower = [m for m in ordered if int(m["id"]) < middle][-(limit // 2) :]
        upper = [m for m in ordered if int(m["id"]) >= middle][: limit - len(lower)]
        chosen = lower + upper
    else:
        chosen = ordered[-limit:]
    return chosen[::-1]


@route("GET", "/channels/{channel_id}/messages/{message_id}")
async def fetch(core: Core, call: Call) -> Reply:
    core.world.may(core.world.channel(call["channel_id"]), "READ_MESSAGE_HISTORY")
    return Reply(shown(core.world, core.world.message(call["channel_id"], call["message_id"])))


@route("PATCH", "/channels/{channel_id}/messages/{message_id}")
async def edit(core: Core, call: Call) -> Reply:
    channel, message = core.world.channel(call["channel_id"]), core.world.message(call["channel_id"], call["message_id"])
    core.world.may(channel)
    if message["author"]["id"] != core.world.bot.id or "webhook_id" in message:
        raise ApiError(403, 50005, "Cannot edit a message authored by another user")
    not_archived(channel)
    return Reply(shown(core.world, await change(core, channel, message, call.body, call)))


async def change(core: Core, channel: Channel, message: Json, body: Json, call: Call | None = None) -> Json:
    """Apply an edit and send MESSAGE_UPDATE."""
    version_2 = bool(int(message.get("flags", 0)) & VERSION_2)
    if int(message.get("flags", 0)) & VOICE:
        raise ApiError(400, 50162, "Voice messages cannot be edited")
    check(body, len(call.files) if call else 0, partial=True, version_2=version_2)
    if not _stays(message, body, len(call.files) if call else 0):
        raise ApiError(*EMPTY_MESSAGE)
    if "flags" in body and version_2 and not int(body["flags"] or 0) & VERSION_2:
        raise invalid("flags", "MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG", "The components version 2 flag cannot be taken away")
    fields = content_fields(core.world, body)
    if "content" in body:
        message |= {name: fields[name] for name in ("content", "mentions", "mention_roles", "mention_everyone")}
    message |= {name: fields[name] for name in ("embeds", "components") if name in body}
    if "attachments" in body:
        kept = {str(one.get("id")) for one in body["attachments"] or []}
        message["attachments"] = [one for one in message["attachments"] if one["id"] in kept]
    if call is not None and call.files:
        message["attachments"] = [*message["attachments"], *attach(core.world, channel, call)]
    if "flags" in body:
        message["flags"] = int(message.get("flags", 0)) & ~SUPPRESS_EMBEDS | int(body["flags"] or 0) & (SUPPRESS_EMBEDS | VERSION_2)
    message["edited_timestamp"] = core.now()
    channel.messages[message["id"]] = message
    if int(message.get("flags", 0)) & EPHEMERAL == 0:
        await core.gateway.dispatch("MESSAGE_UPDATE", gateway_view(core.world, channel, message))
    core.notify()
    return message


def _stays(message: Json, body: Json, files: int) -> bool:
    """Whether anything is left of a message after an edit."""
    return bool(files) or any(
        body.get(name) if name in body else message.get(name) for name in ("content", "embeds", "components", "attachments")
    )


@route("DELETE", "/channels/{channel_id}/messages/{message_id}")
async def delete(core: Core, call: Call) -> Reply:
    channel = core.world.channel(call["channel_id"])
    message = core.world.message(channel.id, call["message_id"])
    own = message["author"]["id"] == core.world.bot.id
    core.world.may(channel, *(() if own else ("MANAGE_MESSAGES",)))
    not_archived(channel)
    await remove(core, channel, message)
    return Reply()


async def remove(core: Core, channel: Channel, message: Json) -> None:
    """Delete a message and send MESSAGE_DELETE."""
    channel.messages.pop(message["id"], None)
    gone = {"id": message["id"], "channel_id": channel.id} | ({"guild_id": channel.guild_id} if channel.guild_id else {})
    await core.gateway.dispatch("MESSAGE_DELETE", gone)
    core.notify()


def shown(world: World, message: Json) -> Json:
    """A message as REST answers it: private bookkeeping out, reactions in."""
    plain = {k: v for k, v in message.items() if not k.startswith("_")}
    reactions = [_reaction(world, emoji, people) for emoji, people in message.get("_reacted", {}).items() if people]
    return plain | ({"reactions": reactions} if reactions else {})


def _reaction(world: World, emoji: str, people: list[str]) -> Json:
    name, _, emoji_id = emoji.partition(":")
    return {
        "emoji": {"id": emoji_id or None, "name": name},
        "count": len(people),
        "count_details": {"burst": 0, "normal": len(people)},
        "burst_colors": [],
        "me_burst": False,
        "burst_me": False,
        "burst_count": 0,
        "me": world.bot.id in people,
    }


@route("POST", "/channels/{channel_id}/typing")
async def typing(core: Core, call: Call) -> Reply:
    channel = core.world.channel(call["channel_id"])
    core.world.may(channel, "SEND_MESSAGES")
    core.recorder.typing.append(channel.id)
    core.notify()
    return Reply()


@route("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me")
async def react(core: Core, call: Call) -> Reply:
    channel, message = core.world.channel(call["channel_id"]), core.world.message(call["channel_id"], call["message_id"])
    emoji = checked_emoji(call["emoji_name"])
    fresh = not message.get("_reacted", {}).get(emoji)
    core.world.may(channel, "READ_MESSAGE_HISTORY", *(("ADD_REACTIONS",) if fresh else ()))
    not_archived(channel)
    if fresh and len([people for people in message.get("_reacted", {}).values() if people]) >= REACTIONS:
        raise ApiError(400, 30010, "Maximum number of reactions reached (20)")
    await reacted(core, channel.id, core.world.bot.id, message["id"], emoji, added=True)
    return Reply()


def checked_emoji(quoted: str) -> str:
    """A unicode emoji, or `name:id`; raises 400 10014 for other words."""
    emoji = unquote(quoted)
    if not emoji or (emoji.isascii() and not _CUSTOM_EMOJI.fullmatch(emoji)) or len(emoji) > 64:
        raise ApiError(400, 10014, "Unknown Emoji")
    return emoji


@route("GET", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}")
async def reactors(core: Core, call: Call) -> Reply:
    """Who gave an emoji, by id, at most `limit` after `after`."""
    channel, message = core.world.channel(call["channel_id"]), core.world.message(call["channel_id"], call["message_id"])
    core.world.may(channel, "READ_MESSAGE_HISTORY")
    gave = message.get("_reacted", {}).get(checked_emoji(call["emoji_name"]), [])
    after, limit = int(call.query.get("after", "0")), min(int(call.query.get("limit", "25")), 100)
    people = [person for person in sorted(gave, key=int) if int(person) > after][:limit]
    return Reply([payloads.user(core.world.users[person]) for person in people])


@route("DELETE", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me")
async def unreact(core: Core, call: Call) -> Reply:
    channel = core.world.channel(call["channel_id"])
    core.world.may(channel)
    not_archived(channel)
    emoji = checked_emoji(call["emoji_name"])
    await reacted(core, call["channel_id"], core.world.bot.id, call["message_id"], emoji, added=False)
    return Reply()


async def reacted(core: Core, channel_id: str, user_id: str, message_id: str, emoji: str, *, added: bool) -> None:
    """Add or remove one person's reaction and tell the gateway. `emoji` is a unicode emoji or `name:id`."""
    channel, message = core.world.channel(channel_id), core.world.message(channel_id, message_id)
    name, _, emoji_id = emoji.partition(":")
    shape: Json = {"id": emoji_id or None, "name": name}
    people: list[str] = message.setdefault("_reacted", {}).setdefault(emoji, [])
    if added == (user_id in people):
        return
    people.append(user_id) if added else people.remove(user_id)
    event: Json = {"user_id": user_id, "channel_id": channel.id, "message_id": message_id, "emoji": shape, "burst": False, "type": 0}
    if channel.guild_id:
        event["guild_id"] = channel.guild_id
    if added and channel.guild_id:
        event |= {"member": payloads.member(core.world.users[user_id]), "message_author_id": message["author"]["id"], "burst_colors": []}
    await core.gateway.dispatch("MESSAGE_REACTION_ADD" if added else "MESSAGE_REACTION_REMOVE", event)
    core.notify()
