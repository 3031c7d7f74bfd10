"""A stand-in of PluralKit: it posts what people wrote under a member's name, deletes the original, and its API says whose it was.

Written after its documentation (API v2, GET /messages/{id}); only what the bot asks for.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.discord.translate import PLURALKIT
from tests.support.discord import StandinDiscord

WEBHOOK = 700000000000000001


@dataclass
class PluralKitStandin:
    """`down` makes the API answer 500. `asked` are the messages it was asked about."""

    discord: StandinDiscord
    address: str = ""
    down: bool = False
    asked: list[str] = field(default_factory=list)
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def start(cls, discord: StandinDiscord) -> "AsyncIterator[PluralKitStandin]":
        """Serve the API on a free port of 127.0.0.1 until the block ends."""
        made = cls(discord)
        app = web.Application()
        app.router.add_get("/v2/messages/{id}", made._message)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.address = f"http://127.0.0.1:{runner.addresses[0][1]}/v2"
        try:
            yield made
        finally:
            await runner.cleanup()

    async def proxies(self, channel: str, original: str, member: str, text: str, *, sender: str = "0", listed: bool = False) -> str:
        """Post a message again under a member's name, then delete it; returns the copy's id. `listed`: among the channel's messages."""
        place = self.discord.world.channel(channel)
        shown = next((m for m in self.discord.messages(channel) if m["id"] == original), None)
        copy = self.discord.world.ids.new()
        author = {"id": str(WEBHOOK), "username": member, "avatar": None, "discriminator": "0000", "bot": True, "global_name": None}
        plain = {
            "timestamp": "2026-01-01T00:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "pinned": False,
            "mention_everyone": False,
        }
        lists: dict[str, Any] = {name: [] for name in ("attachments", "embeds", "mentions", "mention_roles")}
        base = shown or {"channel_id": place.id, "type": 0, **plain, **lists}
        said = {name: value for name, value in base.items() if name not in {"member", "message_reference", "referenced_message"}}
        said |= {"id": copy, "author": author, "content": text, "webhook_id": str(WEBHOOK), "application_id": str(PLURALKIT)}
        sender = str(shown["author"]["id"]) if shown else sender
        self._known[copy] = {"id": copy, "original": original, "sender": sender, "channel": place.id, "member": {"name": member}}
        if listed:
            place.messages[copy] = said
        await self.discord.gateway.dispatch("MESSAGE_CREATE", said | {"guild_id": place.guild_id})
        if shown:
            await self.discord.delete(channel, original)
        return copy

    async def _message(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        self.asked.append(wanted)
        if self.down:
            return web.Response(status=500)
        found = self._known.get(wanted)
        return web.json_response(found) if found else web.json_response({"message": "Message not found."}, status=404)
