"""Driving the stand-in from outside: `POST /control/<action>` with JSON, and a small page to watch and write in a channel."""

import base64
import html
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.discord import payloads
from tests.support.discord.core import Interaction
from tests.support.discord.errors import ApiError, Json
from tests.support.discord.world import DM

if TYPE_CHECKING:
    from tests.support.discord.server import StandinDiscord

type Action = Callable[["StandinDiscord", Json], Awaitable[object]]


async def _say(discord: "StandinDiscord", args: Json) -> object:
    files = [(str(one["name"]), _bytes(one), str(one["kind"])) for one in args.pop("files", ())]
    return {"id": await discord.say(**args, files=files)}


def _bytes(file: Json) -> bytes:
    return base64.b64decode(str(file["data"]), validate=True)


async def _messages(discord: "StandinDiscord", args: Json) -> object:
    return discord.messages(**args)


async def _replies(discord: "StandinDiscord", args: Json) -> object:
    return discord.replies(**args)


async def _wait_reply(discord: "StandinDiscord", args: Json) -> object:
    return await discord.wait_reply(**args)


async def _edit(discord: "StandinDiscord", args: Json) -> object:
    await discord.edit(**args)
    return None


async def _delete(discord: "StandinDiscord", args: Json) -> object:
    await discord.delete(**args)
    return None


async def _react(discord: "StandinDiscord", args: Json) -> object:
    await discord.react(**args)
    return None


async def _thread(discord: "StandinDiscord", args: Json) -> object:
    return {"id": await discord.thread(**args)}


async def _dm(discord: "StandinDiscord", args: Json) -> object:
    return {"id": discord.dm(**args)}


async def _user_id(discord: "StandinDiscord", args: Json) -> object:
    return {"id": discord.user_id(**args)}


async def _slash(discord: "StandinDiscord", args: Json) -> object:
    timeout = args.pop("timeout", 10.0)
    options = {
        name: (str(one["name"]), _bytes(one)) if isinstance(one, dict) else one for name, one in (args.pop("options", None) or {}).items()
    }
    interaction = await discord.slash(**args, options=options)
    return (await discord.answered(interaction, timeout)).plain()


async def _on_message(discord: "StandinDiscord", args: Json) -> object:
    """`{"channel", "user", "command", "message_id"}`: one of the bot's commands on a message, as *Apps* offers them."""
    return (await discord.answered(await discord.on_message(**args))).plain()


async def _submit(discord: "StandinDiscord", args: Json) -> object:
    opened: Interaction = discord.interactions[args["interaction"]]
    return (await discord.answered(await discord.submit(opened, args["user"], args["values"]))).plain()


async def _autocomplete(discord: "StandinDiscord", args: Json) -> object:
    return (await discord.answered(await discord.autocomplete(**args))).plain()


async def _click(discord: "StandinDiscord", args: Json) -> object:
    """`{"channel", "user", "message": id, "custom_id", "values"?}`; an answer to an interaction that only one person sees counts, too."""
    wanted, channel = str(args.pop("message")), discord.world.channel(args["channel"])
    hidden = (m for i in discord.interactions.values() for m in i.messages if m["id"] == wanted)
    message = channel.messages.get(wanted) or next(hidden, None)
    assert message is not None, f"no message {wanted}"
    return (await discord.answered(await discord.click(message=message, **args))).plain()


async def _fault(discord: "StandinDiscord", args: Json) -> object:
    discord.fault(**args)
    return None


async def _clear_faults(discord: "StandinDiscord", args: Json) -> object:
    discord.faults.clear()
    return None


async def _deny(discord: "StandinDiscord", args: Json) -> object:
    discord.world.channel(args["channel"]).denied = set(args["permissions"])
    return None


async def _gateway(discord: "StandinDiscord", args: Json) -> object:
    """`{"do": "reconnect" | "invalidate" | "cut"}`"""
    actions = {"reconnect": discord.gateway.reconnect, "invalidate": discord.gateway.invalidate, "cut": discord.gateway.cut}
    await actions[args["do"]]()
    return None


async def _state(discord: "StandinDiscord", args: Json) -> object:
    return {
        "connected": discord.gateway.connected,
        "identifies": discord.gateway.identifies,
        "resumes": discord.gateway.resumes,
        "commands": [c["name"] for c in discord.world.commands[None]],
        "violations": discord.violations,
        "pings": discord.recorder.pings,
        "typing": len(discord.recorder.typing),
        "exchanges": len(discord.recorder.exchanges),
        "channels": {c.name: c.id for c in discord.world.channels.values()},
        "bot": discord.world.bot.id,
        "guild": discord.world.guild.id,
    }


async def _exchanges(discord: "StandinDiscord", args: Json) -> object:
    return [e.plain() for e in discord.recorder.exchanges[int(args.get("since", 0)) :]]


async def _world(discord: "StandinDiscord", args: Json) -> object:
    """What the page shows around the messages: servers with their channels, DMs, people, commands."""
    world = discord.world
    places = [{"id": c.id, "name": c.name, "type": c.type, "guild": c.guild_id} for c in world.channels.values()]
    return {
        "connected": discord.gateway.connected,
        "guilds": [{"id": g.id, "name": g.name, "channels": [p for p in places if p["guild"] == g.id]} for g in world.guilds.values()],
        "dms": [p for p in places if p["type"] == DM],
        "users": [{"id": u.id, "name": u.name, "bot": u.bot} for u in world.users.values()],
        "commands": [command for some in world.commands.values() for command in some],
    }


async def _page_state(discord: "StandinDiscord", args: Json) -> object:
    """`{"channel"}`: all that the page shows, with who reacted how, and the pictures that characters have."""
    found = discord.messages(str(args["channel"]))[-SHOWN:]
    kept = discord.world.channel(str(args["channel"])).messages
    emojis = {m["id"]: str(kept[m["id"]].get("_avatar_url") or "").rpartition("/emojis/")[2].partition(".")[0] for m in found}
    return {
        "world": await _world(discord, args),
        "messages": found,
        "faces": {message: f"/faces/{emoji}" for message, emoji in emojis.items() if emoji in discord.world.emojis},
        "reacted": {m["id"]: kept[m["id"]]["_reacted"] for m in found if kept[m["id"]].get("_reacted")},
    }


async def _add_channel(discord: "StandinDiscord", args: Json) -> object:
    """`{"name", "guild"?}`: a text channel, of which the bot is told."""
    made = discord.world.add_channel(str(args["name"]), guild_id=args.get("guild"))
    await discord.gateway.dispatch("CHANNEL_CREATE", payloads.channel(discord.world, made))
    return {"id": made.id}


async def _add_guild(discord: "StandinDiscord", args: Json) -> object:
    """`{"name"}`: another server with a channel, which the bot joins."""
    made = discord.world.add_guild(str(args["name"]), discord.world.person("owner").id)
    place = discord.world.add_channel(f"lobby-{len(discord.world.guilds)}", guild_id=made.id)
    joined = {"joined_at": datetime.now(UTC).isoformat()}
    await discord.gateway.dispatch("GUILD_CREATE", payloads.guild_create(discord.world, made) | joined)
    return {"id": made.id, "channel": place.id}


ACTIONS: dict[str, Action] = {
    "say": _say,
    "messages": _messages,
    "replies": _replies,
    "wait_reply": _wait_reply,
    "edit": _edit,
    "delete": _delete,
    "react": _react,
    "thread": _thread,
    "dm": _dm,
    "user_id": _user_id,
    "slash": _slash,
    "on_message": _on_message,
    "submit": _submit,
    "autocomplete": _autocomplete,
    "click": _click,
    "fault": _fault,
    "clear_faults": _clear_faults,
    "deny": _deny,
    "gateway": _gateway,
    "state": _state,
    "world": _world,
    "page": _page_state,
    "add_channel": _add_channel,
    "add_guild": _add_guild,
    "exchanges": _exchanges,
}

FOLDER = Path(__file__).parent / "page"
FILES = {"page.js": "text/javascript", "markdown.js": "text/javascript", "page.css": "text/css"}
SHOWN = 100
"""Messages of a channel on its page."""


def control_routes(app: web.Application, discord: "StandinDiscord") -> None:
    """Add the control API and the page to the server."""

    async def act(request: web.Request) -> web.Response:
        action = ACTIONS.get(request.match_info["action"])
        if action is None:
            return web.json_response({"error": f"unknown action; known: {sorted(ACTIONS)}"}, status=404)
        args = await request.json() if request.can_read_body else {}
        try:
            return web.json_response(await action(discord, args))
        except (ApiError, AssertionError, TypeError, KeyError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    async def page(request: web.Request) -> web.Response:
        channel = request.match_info.get("channel", "general")
        return web.Response(text=_page(discord, channel), content_type="text/html")

    async def write(request: web.Request) -> web.Response:
        form = await request.post()
        channel = request.match_info["channel"]
        await discord.say(channel, str(form["user"]) or "you", str(form["text"]))
        raise web.HTTPSeeOther(f"/c/{channel}")

    async def kept(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.Response(text=(FOLDER / name).read_text(), content_type=FILES[name])

    async def face(request: web.Request) -> web.Response:
        found = discord.world.emojis.get(request.match_info["emoji"])
        return web.Response(status=404) if found is None else web.Response(body=found[1], content_type="image/png")

    app.router.add_post("/control/{action}", act)
    app.router.add_get(f"/{{name:{'|'.join(map(re.escape, FILES))}}}", kept)
    app.router.add_get("/faces/{emoji}", face)
    app.router.add_get("/", page)
    app.router.add_get("/c/{channel}", page)
    app.router.add_post("/c/{channel}", write)


def _page(discord: "StandinDiscord", channel: str) -> str:
    """The page with what stands in the channel now; its script goes on from there."""
    place = discord.world.channel(channel)
    rows = "".join(_row(m) for m in discord.messages(place.id)[-SHOWN:])
    return (FOLDER / "page.html").read_text().format(title=html.escape(place.name), channel=place.id, rows=rows)


def _row(message: Json) -> str:
    author = html.escape(message["author"]["username"])
    badge = " <small>APP</small>" if message["author"].get("bot") else ""
    return f"<article><b>{author}</b>{badge} <small>{message['timestamp'][11:19]}</small>\n{html.escape(message['content'])}</article>"
