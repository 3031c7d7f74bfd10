"""The stand-in in a process of its own: chaos tests kill the bot while Discord lives on."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.support.discord.errors import Json


@dataclass
class RemoteDiscord:
    """A handle on a running stand-in. Actions are those of `control.ACTIONS`: `await discord.call("say", channel=..., ...)`."""

    base: str
    token: str
    pid: int = 0

    @property
    def api_base(self) -> str:
        """What DISCORD_API_BASE must be."""
        return f"{self.base}/api/v10"

    async def call(self, action: str, **args: object) -> Any:
        """Run one control action; AssertionError with the server's words when it refuses."""
        async with aiohttp.ClientSession() as session, session.post(f"{self.base}/control/{action}", json=args) as answer:
            body = await answer.json()
            assert answer.status == 200, body
            return body

    async def say(self, channel: str, user: str, text: str, **more: object) -> str:
        """A user's message; answers its id."""
        return str((await self.call("say", channel=channel, user=user, text=text, **more))["id"])

    async def replies(self, channel: str, after: str = "0") -> list[Json]:
        """Webhook and bot messages newer than `after`, oldest first."""
        found: list[Json] = await self.call("replies", channel=channel, after=after)
        return found

    async def wait_reply(self, channel: str, after: str = "0", count: int = 1, timeout: float = 60.0) -> list[Json]:
        """At least `count` replies newer than `after`."""
        found: list[Json] = await self.call("wait_reply", channel=channel, after=after, count=count, timeout=timeout)
        return found


@asynccontextmanager
async def standin_process(port: int = 0) -> AsyncIterator[RemoteDiscord]:
    """Start `python -m tests.support.discord` and stop it at the end."""
    command = (sys.executable, "-m", "tests.support.discord", "--port", str(port))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        started: Json = json.loads(line)
        yield RemoteDiscord(started["base"], started["token"], process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
