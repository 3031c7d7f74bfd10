"""REST for messages: create, read, list, edit, delete, typing, reactions. And the rules Discord checks a message against."""

import json
import re
from urllib.parse import unquote

from tests.support.discord import payloads
from tests.support.discord.core import Core
from tests.support.discord.errors import EMPTY_MESSAGE, ApiError, Json, invalid
from tests.support.discord.routes import Call, Reply, route
from tests.support.discord.world import Channel, World

CONTENT, EMBEDS, EMBED_TEXT, EPHEMERAL = 2000, 10, 6000, 64
_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")


def length(text: str) -> int:
    """Length in UTF-16 units: the stricter of the two ways Discord is said to count, so whatever passes here passes there."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check(body: Json, files: int = 0, *, partial: bool = False) -> None:
    """Refuse what Discord refuses with 400: too long, empty, too many embeds."""
    content = body.get("content")
    if content is not None and not isinstance(content, str):
        raise invalid("content", "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    if content and length(content) > CONTENT:
        raise invalid("content", "BASE_TYPE_MAX_LENGTH", f"Must be {CONTENT} or fewer in length.")
    embeds = body.get("embeds") or []
    if len(embeds) > EMBEDS:
        raise invalid("embeds", "BASE_TYPE_MAX_LENGTH", f"Must be {EMBEDS} or fewer in length.")
    if sum(embed_length(e) for e in embeds) > EMBED_TEXT:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED_TEXT}")
    anything = (content or "").strip() or embeds or files or body.get("components") or body.get("sticker_ids") or body.get("poll")
    if not anything and not (partial and "content" not in body):
        raise ApiError(*EMPTY_MESSAGE)


def embed_length(embed: Json) -> int:
    """Characters of an embed that count towards the 6000."""
    parts = [embed.get("title"), embed.get("description"), (embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    for entry in embed.get("fields") or []:
        parts += [entry.get("name"), entry.get("value")]
    return sum(length(str(p)) for p in parts if p)


def mentioned(world: World, content: str) -> Json:
    """The fields Discord derives from a text: mentions, mention_roles, mention_everyone."""
    ids = dict.fromkeys(_USER.findall(content))
    return {
        "mentions": [payloads.user(world.users[i]) for i in ids if i in world.users],
        "mention_roles": list(dict.fromkeys(_ROLE.findall(content))),
        "mention_everyone": "@everyone" in content or "@here" in content,
    }


def attach(world: World, channel: Channel, call: Call) -> list[Json]:
    """Store uploaded files and answer their attachment objects."""
    return [stored(world, channel, name, kind, data) for _, name, kind, data in call.files]


def stored(world: World, channel: Channel, name: str, kind: str, data: bytes) -> Json:
    """Keep one file on the stand-in's CDN."""
    file_id = world.ids.new()
    path = f"attachments/{channel.id}/{file_id}/{name}"
    world.files[path] = (data, kind)
    url = f"{world.base}/cdn/{path}"
    return {"id": file_id, "filename": name, "size": len(data), "url": url, "proxy_url": url, "content_type": kind}


def reply_fields(channel: Channel, reference: Json | None) -> Json:
    """type 19, message_reference and referenced_message of a reply."""
    if not reference or int(reference.get("type", 0)) != 0:
        return {}
    target = channel.messages.get(str(reference.get("message_id")))
    link: Json = {"type": 0, "channel_id": channel.id, "message_id": str(reference.get("message_id"))}
    if channel.guild_id:
        link["guild_id"] = channel.guild_id
    inner = {k: v for k, v in target.items() if k != "referenced_message"} if target else None
    return {"type": 19, "message_reference": link, "referenced_message": inner}


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
    core.world.may(channel, "SEND_MESSAGES")
    check(call.body, len(call.files))
    content = str(call.body.get("content") or "").strip()
    extra = mentioned(core.world, content) | reply_fields(channel, call.body.get("message_reference"))
    nonce = call.body.get("nonce")
    if nonce is not None:
        for earlier in channel.messages.values() if call.body.get("enforce_nonce") else []:
            if earlier.get("nonce") == nonce:
                return Reply(earlier)
        extra["nonce"] = nonce
    extra |= {"embeds": call.body.get("embeds") or [], "attachments": attach(core.world, channel, call)}
    extra["components"] = call.body.get("components") or []
    message = payloads.message(core.world, core.world.ids.new(), channel, payloads.user(core.world.bot), content, **extra)
    return Reply(await publish(core, channel, message))


@route("GET", "/channels/{channel_id}/messages")
async def listing(core: Core, call: Call) -> Reply:
    channel = core.world.channel(call["channel_id"])
    core.world.may(channel, "READ_MESSAGE_HISTORY")
    limit = int(call.query.get("limit", 50))
    if not 1 <= limit <= 100:
        raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be less than or equal to 100.")
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
    message = core.world.message(call["channel_id"], call["message_id"])
    if message["author"]["id"] != core.world.bot.id or "webhook_id" in message:
        raise ApiError(403, 50005, "Cannot edit a message authored by another user")
    return Reply(await change(core, core.world.channel(call["channel_id"]), message, call.body))


async def change(core: Core, channel: Channel, message: Json, body: Json) -> Json:
    """Apply an edit and send MESSAGE_UPDATE."""
    check(body, partial=True)
    if body.get("content") is not None:
        content = str(body["content"]).strip()
        message |= {"content": content} | mentioned(core.world, content)
    for name in ("embeds", "components"):
        if body.get(name) is not None:
            message[name] = body[name]
    message["edited_timestamp"] = core.now()
    channel.messages[message["id"]] = message
    if int(message.get("flags", 0)) & EPHEMERAL == 0:
        await core.gateway.dispatch("MESSAGE_UPDATE", gateway_view(core.world, channel, message))
    core.notify()
    return message


@route("DELETE", "/channels/{channel_id}/messages/{message_id}")
async def delete(core: Core, call: Call) -> Reply:
    channel = core.world.channel(call["channel_id"])
    await remove(core, channel, core.world.message(channel.id, call["message_id"]))
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
    emoji = unquote(call["emoji_name"])
    await reacted(core, call["channel_id"], core.world.bot.id, call["message_id"], emoji, added=True)
    return Reply()


@route("DELETE", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me")
async def unreact(core: Core, call: Call) -> Reply:
    emoji = unquote(call["emoji_name"])
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


def multipart_body(text: str) -> Json:
    """`payload_json` of a multipart request."""
    parsed = json.loads(text)
    return parsed if isinstance(parsed, dict) else {}
