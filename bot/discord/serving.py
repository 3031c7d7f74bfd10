"""Coming into a server and leaving one: a word on how to begin, and no stay where the bot is not to serve."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from bot.discord.payload import Json, Reader
from bot.discord.post import QUIET
from bot.discord.rest import Busy, Refused, Rest, Unsure
from engine import clock, ids, log
from engine.bus.consumer import TRANSIENT
from engine.decide.places.serving import served
from engine.store import Log
from projections.models.places import servers

NEW = timedelta(minutes=2)
"""A server joined within this is a new one; GUILD_CREATE also comes for the others, at the start of a session."""
TRIES = 3
"""Channels in which a greeting is tried."""
AT_ONCE = 2
"""Servers asked after at a time: a session begins with all of them, and messages wait for the same connections."""
TEXT = 0
_log = log.get("discord.serving")


class Serving:
    """Greets and leaves. `named_only`: only servers that were allowed by name are served."""

    def __init__(self, log_: Log, rest: Rest, mention_char: str, *, named_only: bool) -> None:
        self._store, self._rest, self._char, self._named_only = log_, rest, mention_char, named_only
        self._running: set[asyncio.Task[None]] = set()
        self._at_once = asyncio.Semaphore(AT_ONCE)

    def joined(self, payload: Json) -> None:
        """GUILD_CREATE."""
        task = asyncio.create_task(self._joined(payload), name="joined")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def close(self) -> None:
        """Leave what stands."""
        for task in self._running:
            task.cancel()

    async def leave_denied(self, here: Iterable[int]) -> None:
        """Leave those of these servers that are not to be served (H2)."""
        async with self._store.pool.connection() as connection:
            said = await servers.verdicts(connection)
        for guild in here:
            if not served(said.get(guild), named_only=self._named_only):
                await self._leave(guild)

    async def _joined(self, payload: Json) -> None:
        guild = Reader(payload).number("id")
        if not guild:
            return
        with suppress(*TRANSIENT):
            async with self._at_once, self._store.pool.connection() as connection:
                verdict = (await servers.server(connection, guild)).verdict
            if not served(verdict, named_only=self._named_only):
                await self._leave(guild)
            elif is_new(payload, clock.now()):
                await self._greet(payload, guild)

    async def _leave(self, guild: int) -> None:
        with suppress(Refused, Unsure, Busy):
            await self._rest.call("DELETE", f"/users/@me/guilds/{guild}")
            _log.info("left a server that is not served", guild=guild)

    async def _greet(self, payload: Json, guild: int) -> None:
        nonce = ids.derived("greeting", guild, str(payload.get("joined_at"))).hex[:24]
        body = {"content": greeting(self._char), "allowed_mentions": QUIET, "enforce_nonce": True, "nonce": nonce}
        for channel in places(payload)[:TRIES]:
            with suppress(Unsure, Busy):
                try:
                    await self._rest.call("POST", f"/channels/{channel}/messages", body)
                except Refused:
                    continue
            return


def is_new(payload: Json, now: datetime) -> bool:
    """Whether a GUILD_CREATE tells of a server that was joined just now. Pure."""
    try:
        joined = datetime.fromisoformat(str(payload.get("joined_at")))
    except ValueError:
        return False
    return joined.tzinfo is not None and now - joined < NEW


def places(payload: Json) -> list[int]:
    """Where to greet: the server's channel for such messages, then its text channels from the top. Pure."""
    reader = Reader(payload)
    texts = [(c.number("position") or 0, c.number("id") or 0) for c in reader.many("channels") if c.number("type") == TEXT]
    ordered = [channel for _, channel in sorted(texts) if channel]
    first = reader.number("system_channel_id")
    return list(dict.fromkeys([*([first] if first else []), *ordered]))


def greeting(char: str) -> str:
    """How to begin, and what the bot needs."""
    return (
        "**Hello! I bring characters to this server.**\n"
        f"- See who is here with `/character browse`, and say `{char}name hello` to talk with one.\n"
        "- Whoever may manage messages lets one answer everything in a channel with `/channel activate`.\n"
        "- `/channel explain` says who answers in a channel and what stands in the way. I need View Channel, Send Messages, Read Message "
        "History and Manage Webhooks.\n"
        "- `/server edit` sets where characters may speak and what people are told; `/deny add` keeps somebody out. See `/help`.\n"
        "-# An AI answers here. What is said where characters are activated is kept by whoever runs this bot."
    )
