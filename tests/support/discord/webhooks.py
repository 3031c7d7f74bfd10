"""REST for webhooks: make, list, execute (with wait and thread_id), read, edit and delete their messages."""

from tests.support.discord import payloads
from tests.support.discord.checks import VOICE, check
from tests.support.discord.core import Core, Interaction
from tests.support.discord.errors import THREAD_LOCKED, TOO_MANY_WEBHOOKS, ApiError, Json, invalid, unknown
from tests.support.discord.interactions import DEFER_UPDATE, UPDATE, follow_up, interaction_by_token
from tests.support.discord.messages import attach, awaken, change, content_fields, not_archived, publish, remove, shown
from tests.support.discord.routes import Call, Reply, route
from tests.support.discord.shapes import text
from tests.support.discord.world import GUILD_FORUM, PUBLIC_THREAD, Channel, Webhook

PER_CHANNEL, NAME = 15, 80
FORBIDDEN = ("clyde", "discord")
RESERVED = ("everyone", "here")


def check_name(field: str, name: object) -> None:
    """Webhook names: 1 to 80 characters, never containing "clyde" or "discord"."""
    text(field, name, 1, NAME)
    if str(name).strip().lower() in RESERVED:
        raise invalid(field, "USERNAME_INVALID_USERNAME", "Username is invalid")
    for word in FORBIDDEN:
        if word in str(name).lower():
            raise invalid(field, "USERNAME_INVALID_CONTAINS", f'Username cannot contain "{word}"')


@route("POST", "/channels/{channel_id}/webhooks")
async def create(core: Core, call: Call) -> Reply:
    channel = core.world.channel(call["channel_id"])
    core.world.may(channel, "MANAGE_WEBHOOKS")
    if channel.type == PUBLIC_THREAD:
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    check_name("name", call.body.get("name"))
    if sum(w.channel_id == channel.id for w in core.world.webhooks.values()) >= PER_CHANNEL:
        raise ApiError(*TOO_MANY_WEBHOOKS)
    hook = core.world.add_webhook(channel.id, str(call.body["name"]), core.world.application_id)
    await core.gateway.dispatch("WEBHOOKS_UPDATE", {"guild_id": channel.guild_id, "channel_id": channel.id})
    return Reply(payloads.webhook(core.world, hook))


@route("GET", "/channels/{channel_id}/webhooks")
async def listing(core: Core, call: Call) -> Reply:
    channel = core.world.channel(call["channel_id"])
    core.world.may(channel, "MANAGE_WEBHOOKS")
    return Reply([payloads.webhook(core.world, w) for w in core.world.webhooks.values() if w.channel_id == channel.id])


@route("GET", "/guilds/{guild_id}/webhooks")
async def guild_listing(core: Core, call: Call) -> Reply:
    return Reply([payloads.webhook(core.world, w) for w in core.world.webhooks.values() if w.guild_id == call["guild_id"]])


@route("GET", "/webhooks/{webhook_id}")
async def fetch(core: Core, call: Call) -> Reply:
    hook = core.world.webhooks.get(call["webhook_id"])
    if hook is None:
        raise unknown("Webhook", 10015)
    return Reply(payloads.webhook(core.world, hook))


@route("DELETE", "/webhooks/{webhook_id}")
async def delete(core: Core, call: Call) -> Reply:
    if core.world.webhooks.pop(call["webhook_id"], None) is None:
        raise unknown("Webhook", 10015)
    return Reply()


@route("POST", "/webhooks/{webhook_id}/{webhook_token}", public=True)
async def execute(core: Core, call: Call) -> Reply:
    """A webhook post, or (where the id is our application's) a follow-up to an interaction."""
    if call["webhook_id"] == core.world.application_id:
        return Reply(await follow_up(core, interaction_by_token(core, call["webhook_token"]), call))
    hook = core.world.hook_by_token(call["webhook_id"], call["webhook_token"])
    channel = target(core, hook, call)
    if int(call.body.get("flags") or 0) & VOICE:
        raise invalid("flags", "BITFIELD_TYPE_INVALID", "Invalid flags")
    check(call.body, len(call.files))
    if call.body.get("username") is not None:
        check_name("username", call.body["username"])
    avatar_url = call.body.get("avatar_url")
    if avatar_url is not None and not str(avatar_url).startswith(("http://", "https://")):
        raise invalid("avatar_url", "URL_TYPE_INVALID_URL", "Not a well formed URL.")
    if channel.locked:
        raise ApiError(*THREAD_LOCKED)
    await awaken(core, channel)
    message = await publish(core, channel, posted(core, hook, channel, call))
    return Reply(shown(core.world, message) if call.query.get("wait") in ("1", "true", "True") else None)


def posted(core: Core, hook: Webhook, channel: Channel, call: Call) -> Json:
    """The message a webhook post becomes."""
    name = str(call.body.get("username") or hook.name).strip()
    author: Json = payloads.user(core.world.bot) | {
        "id": hook.id,
        "username": name,
        "avatar": hook.avatar,
        "global_name": None,
        "bot": True,
    }
    extra = content_fields(core.world, call.body) | {"webhook_id": hook.id, "attachments": attach(core.world, channel, call)}
    if hook.application_id:
        extra["application_id"] = hook.application_id
    else:  # only an application's webhook may bring buttons that somebody answers
        extra["components"] = []
    extra["_avatar_url"] = call.body.get("avatar_url")
    return payloads.message(core.world, core.world.ids.new(), channel, author, **extra)


def target(core: Core, hook: Webhook, call: Call) -> Channel:
    """The webhook's channel, or the thread of it that the query names."""
    home = core.world.channel(hook.channel_id)
    core.world.may(home)
    thread_id = call.query.get("thread_id")
    if thread_id is None:
        if home.type == GUILD_FORUM and not call.body.get("thread_name"):
            raise ApiError(400, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id")
        return home
    thread = core.world.channels.get(thread_id)
    if thread is None or thread.parent_id != hook.channel_id:
        raise unknown("Channel", 10003)
    return thread


def _own(core: Core, call: Call) -> tuple[Channel, Json]:
    """A message of this webhook; in a thread only with thread_id, as in the real API. Raises 404 10008."""
    hook = core.world.hook_by_token(call["webhook_id"], call["webhook_token"])
    channel = target(core, hook, call)
    message = channel.messages.get(call["message_id"])
    if message is None or message.get("webhook_id") != hook.id:
        raise unknown("Message", 10008)
    return channel, message


def _answer(core: Core, call: Call) -> tuple[Interaction, Json] | None:
    """The interaction reply these parameters name, if the webhook id is the application's."""
    if call["webhook_id"] != core.world.application_id:
        return None
    interaction = interaction_by_token(core, call["webhook_token"])
    wanted = call.params.get("message_id", "@original")
    if wanted == "@original" and interaction.callback in (DEFER_UPDATE, UPDATE) and interaction.source is not None:
        interaction.updated = call.method == "PATCH" or interaction.updated
        return interaction, interaction.source
    for index, message in enumerate(interaction.messages):
        if message["id"] == wanted or (wanted == "@original" and index == 0):
            return interaction, message
    if wanted == "@original" and interaction.callback == 5:
        return interaction, {}
    raise unknown("Message", 10008)


@route("GET", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", public=True)
@route("GET", "/webhooks/{webhook_id}/{webhook_token}/messages/@original", public=True)
async def fetch_message(core: Core, call: Call) -> Reply:
    if (answer := _answer(core, call)) is not None:
        return Reply(shown(core.world, answer[1]))
    return Reply(shown(core.world, _own(core, call)[1]))


@route("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", public=True)
@route("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original", public=True)
async def edit_message(core: Core, call: Call) -> Reply:
    if (answer := _answer(core, call)) is not None:
        interaction, message = answer
        if not message:  # the first edit after a deferral makes the message
            return Reply(await follow_up(core, interaction, call))
        return Reply(shown(core.world, await change(core, core.world.channel(interaction.channel_id), message, call.body, call)))
    channel, message = _own(core, call)
    not_archived(channel)
    return Reply(shown(core.world, await change(core, channel, message, call.body, call)))


@route("DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", public=True)
@route("DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/@original", public=True)
async def delete_message(core: Core, call: Call) -> Reply:
    if (answer := _answer(core, call)) is not None:
        interaction, message = answer
        interaction.messages = [m for m in interaction.messages if m is not message]
        await remove(core, core.world.channel(interaction.channel_id), message)
        return Reply()
    await remove(core, *_own(core, call))
    return Reply()
