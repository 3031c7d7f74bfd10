"""REST for what surrounds messages: the bot's user, application, gateway address, guilds, channels, threads, DMs, commands."""

import re

from tests.support.discord import payloads
from tests.support.discord.core import Core
from tests.support.discord.errors import ApiError, Json, invalid, unknown
from tests.support.discord.routes import Call, Reply, route
from tests.support.discord.shapes import boolean, text
from tests.support.discord.world import ALL_PERMISSIONS, PUBLIC_THREAD, Channel

COMMAND_NAME = re.compile(r"^[-_'\w]{1,32}$")
COMMANDS = 100


@route("GET", "/users/@me")
async def whoami(core: Core, call: Call) -> Reply:
    return Reply(payloads.me(core.world.bot))


@route("PATCH", "/users/@me")
async def rename(core: Core, call: Call) -> Reply:
    core.world.bot.name = str(call.body.get("username") or core.world.bot.name)
    return Reply(payloads.me(core.world.bot))


@route("GET", "/users/{user_id}")
async def user(core: Core, call: Call) -> Reply:
    found = core.world.users.get(call["user_id"])
    if found is None:
        raise unknown("User", 10013)
    return Reply(payloads.user(found))


@route("POST", "/users/@me/channels")
async def open_dm(core: Core, call: Call) -> Reply:
    recipient = str(call.body.get("recipient_id"))
    if recipient not in core.world.users:
        raise unknown("User", 10013)
    return Reply(payloads.channel(core.world, core.world.dm(recipient)))


@route("GET", "/users/@me/guilds")
async def guilds(core: Core, call: Call) -> Reply:
    keep = ("id", "name", "icon", "banner", "features")
    rest: Json = {"owner": False, "permissions": ALL_PERMISSIONS}
    return Reply([{k: payloads.guild(core.world, g)[k] for k in keep} | rest for g in core.world.guilds.values()])


@route("DELETE", "/users/@me/guilds/{guild_id}")
async def leave(core: Core, call: Call) -> Reply:
    if call["guild_id"] not in core.world.guilds or call["guild_id"] in core.world.left:
        raise unknown("Guild", 10004)
    core.world.left.add(call["guild_id"])
    await core.gateway.dispatch("GUILD_DELETE", {"id": call["guild_id"]})
    return Reply()


@route("GET", "/oauth2/applications/@me")
@route("GET", "/applications/@me")
async def application(core: Core, call: Call) -> Reply:
    return Reply(payloads.application(core.world))


@route("GET", "/gateway", public=True)
async def gateway(core: Core, call: Call) -> Reply:
    return Reply({"url": core.world.base.replace("http", "ws", 1) + "/gateway"})


@route("GET", "/gateway/bot")
async def gateway_bot(core: Core, call: Call) -> Reply:
    limit = {"total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1}
    return Reply({"url": core.world.base.replace("http", "ws", 1) + "/gateway", "shards": 1, "session_start_limit": limit})


@route("GET", "/guilds/{guild_id}")
async def guild(core: Core, call: Call) -> Reply:
    found = core.world.guilds.get(call["guild_id"])
    if found is None:
        raise unknown("Guild", 10004)
    return Reply(payloads.guild(core.world, found))


@route("GET", "/guilds/{guild_id}/channels")
async def guild_channels(core: Core, call: Call) -> Reply:
    own = [c for c in core.world.channels.values() if c.guild_id == call["guild_id"] and c.type != PUBLIC_THREAD]
    return Reply([payloads.channel(core.world, c) for c in own])


@route("GET", "/guilds/{guild_id}/members/{user_id}")
async def member(core: Core, call: Call) -> Reply:
    if call["user_id"] not in core.world.guilds[call["guild_id"]].members:
        raise unknown("Member", 10007)
    return Reply(payloads.member(core.world.users[call["user_id"]]))


@route("GET", "/guilds/{guild_id}/threads/active")
async def active_threads(core: Core, call: Call) -> Reply:
    own = [c for c in core.world.channels.values() if c.guild_id == call["guild_id"] and c.type == PUBLIC_THREAD]
    return Reply({"threads": [payloads.channel(core.world, c) for c in own], "members": [], "has_more": False})


@route("GET", "/channels/{channel_id}")
async def channel(core: Core, call: Call) -> Reply:
    found = core.world.channels.get(call["channel_id"])
    if found is None:
        raise unknown("Channel", 10003)
    core.world.may(found)
    return Reply(payloads.channel(core.world, found))


@route("PATCH", "/channels/{channel_id}")
async def change_channel(core: Core, call: Call) -> Reply:
    """A new name; of a thread whether it is archived or locked."""
    found = core.world.channels.get(call["channel_id"])
    if found is None:
        raise unknown("Channel", 10003)
    thread = found.type == PUBLIC_THREAD
    core.world.may(found, "MANAGE_THREADS" if thread else "MANAGE_CHANNELS")
    for name in ("archived", "locked"):
        boolean(name, call.body.get(name))
    if call.body.get("name") is not None:
        text("name", call.body["name"], 1, 100)
        found.name = str(call.body["name"]).strip()
    if thread:
        found.archived = bool(call.body.get("archived", found.archived))
        found.locked = bool(call.body.get("locked", found.locked))
    await core.gateway.dispatch("THREAD_UPDATE" if thread else "CHANNEL_UPDATE", payloads.channel(core.world, found))
    return Reply(payloads.channel(core.world, found))


async def start_thread(core: Core, parent: Channel, name: str, owner_id: str) -> Channel:
    """Make a public thread and send THREAD_CREATE."""
    thread = core.world.add_channel(name, kind=PUBLIC_THREAD, parent_id=parent.id, owner_id=owner_id)
    await core.gateway.dispatch("THREAD_CREATE", payloads.channel(core.world, thread) | {"newly_created": True})
    return thread


@route("POST", "/channels/{channel_id}/threads")
@route("POST", "/channels/{channel_id}/messages/{message_id}/threads")
async def create_thread(core: Core, call: Call) -> Reply:
    parent = core.world.channel(call["channel_id"])
    name = str(call.body.get("name") or "")
    if not 1 <= len(name) <= 100:
        raise invalid("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    thread = await start_thread(core, parent, name, core.world.bot.id)
    return Reply(payloads.channel(core.world, thread), 201)


def registered(core: Core, guild_id: str | None, command: Json, options_depth: int = 0) -> Json:
    """A command as Discord stores it; raises 400 for names it would refuse."""
    if int(command.get("type") or 1) == 1 and not COMMAND_NAME.match(str(command.get("name", ""))):
        raise invalid("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    if len(command.get("options") or []) > 25:
        raise invalid("options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    command_id = core.world.ids.new()
    plain: Json = {
        "id": command_id,
        "application_id": core.world.application_id,
        "version": command_id,
        "type": int(command.get("type") or 1),
        "default_member_permissions": command.get("default_member_permissions"),
        "description": command.get("description") or "",
        "name": command["name"],
        "nsfw": bool(command.get("nsfw")),
        "dm_permission": command.get("dm_permission", True),
        "contexts": command.get("contexts"),
        "options": command.get("options") or [],
    }
    return plain | ({"guild_id": guild_id} if guild_id else {})


@route("GET", "/applications/{application_id}/commands")
@route("GET", "/applications/{application_id}/guilds/{guild_id}/commands")
async def commands(core: Core, call: Call) -> Reply:
    return Reply(core.world.commands.get(call.params.get("guild_id"), []))


@route("PUT", "/applications/{application_id}/commands")
@route("PUT", "/applications/{application_id}/guilds/{guild_id}/commands")
async def overwrite_commands(core: Core, call: Call) -> Reply:
    wanted = call.raw if isinstance(call.raw, list) else []
    if len(wanted) > COMMANDS:
        raise ApiError(400, 30032, "Maximum number of application commands reached (100)")
    guild_id = call.params.get("guild_id")
    core.world.commands[guild_id] = [registered(core, guild_id, c) for c in wanted]
    core.notify()
    return Reply(core.world.commands[guild_id])


@route("POST", "/applications/{application_id}/commands")
@route("POST", "/applications/{application_id}/guilds/{guild_id}/commands")
async def add_command(core: Core, call: Call) -> Reply:
    guild_id = call.params.get("guild_id")
    made = registered(core, guild_id, call.body)
    kept = [c for c in core.world.commands.get(guild_id, []) if c["name"] != made["name"]]
    core.world.commands[guild_id] = [*kept, made]
    core.notify()
    return Reply(made, 201)


@route("PATCH", "/applications/{application_id}/commands/{command_id}")
async def edit_command(core: Core, call: Call) -> Reply:
    for command in core.world.commands[None]:
        if command["id"] == call["command_id"]:
            command.update({k: v for k, v in call.body.items() if k != "tts"})
            return Reply(command)
    raise unknown("application command", 10063)


@route("DELETE", "/applications/{application_id}/commands/{command_id}")
async def delete_command(core: Core, call: Call) -> Reply:
    core.world.commands[None] = [c for c in core.world.commands[None] if c["id"] != call["command_id"]]
    return Reply()
