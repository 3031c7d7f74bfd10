"""A bot without any storage: nextcord in, the same provider, the same webhook post out. What our turns are compared with.

`python -m tests.bench.turn.bare`, with DISCORD_TOKEN, DISCORD_API_BASE and PROVIDER_BASE_URL as for Tzurot.
"""

import asyncio
import json
import os
from collections import defaultdict, deque

import httpx
import nextcord
from nextcord.asset import Asset
from nextcord.http import Route

KEPT = 20


class Bare(nextcord.Client):
    """Answers every message that starts with `@wren`; remembers the last messages of a channel in memory only."""

    def __init__(self, provider: str) -> None:
        intents = nextcord.Intents.default()
        intents.message_content = True
        super().__init__(intents=intents, allowed_mentions=nextcord.AllowedMentions.none(), guild_ready_timeout=0.1)
        self._provider = provider
        self._web = httpx.AsyncClient()
        self._heard: defaultdict[int, deque[dict[str, str]]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._webhooks: dict[int, nextcord.Webhook] = {}

    async def on_message(self, message: nextcord.Message) -> None:
        if message.webhook_id or not message.content.startswith("@wren"):
            return
        typing = asyncio.create_task(message.channel.trigger_typing())
        said = self._heard[message.channel.id]
        said.append({"role": "user", "content": message.content})
        text = await self._ask(list(said))
        said.append({"role": "assistant", "content": text})
        hook = await self._hook(message.channel)
        await hook.send(text, username="Wren Halloway", wait=True)
        await typing

    async def _ask(self, messages: list[dict[str, str]]) -> str:
        body = {"model": "standin/stage", "stream": True, "messages": [{"role": "system", "content": "You are Wren Halloway."}, *messages]}
        text = ""
        async with self._web.stream("POST", f"{self._provider}/chat/completions", json=body) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    choices = json.loads(line[6:])["choices"]
                    text += choices[0]["delta"].get("content", "") if choices else ""
        return text

    async def _hook(self, channel: object) -> nextcord.Webhook:
        assert isinstance(channel, nextcord.TextChannel)
        if channel.id not in self._webhooks:
            self._webhooks[channel.id] = await channel.create_webhook(name="bare")
        return self._webhooks[channel.id]


def main() -> None:
    """Run until killed."""
    Route.BASE = os.environ["DISCORD_API_BASE"]
    Asset.BASE = os.environ["DISCORD_API_BASE"].removesuffix("/api/v10") + "/cdn"
    asyncio.run(Bare(os.environ["PROVIDER_BASE_URL"]).start(os.environ["DISCORD_TOKEN"]))


if __name__ == "__main__":
    main()
