"""discord.py against the stand-in Discord: one JSON line per check, {"check", "ok", "saw"}. Runs in the judges' environment, not ours."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands

BASE, TOKEN = os.environ["BASE"], os.environ["TOKEN"]
discord.http.Route.BASE = f"{BASE}/api/v10"
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(BASE.replace("http", "ws", 1) + "/gateway")


async def control(action: str, **args: Any) -> Any:
    async with aiohttp.ClientSession() as session, session.post(f"{BASE}/control/{action}", json=args) as answer:
        body = await answer.json()
        assert answer.status == 200, body
        return body


async def check(name: str, work: Callable[[], Awaitable[object]]) -> None:
    try:
        saw, ok = str(await asyncio.wait_for(work(), 60)), True
    except Exception as error:  # what a check raises is what it saw
        saw, ok = f"{type(error).__name__}: {error}"[:300], False
    print(json.dumps({"check": name, "ok": ok, "saw": saw}), flush=True)


async def refused(work: Awaitable[object]) -> int:
    try:
        await work
    except discord.HTTPException as error:
        return error.code
    raise AssertionError("was not refused")


class Ask(discord.ui.Modal, title="Form"):
    why: Any = discord.ui.TextInput(label="Why", custom_id="why")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"because {self.why.value}", ephemeral=True)


class Panel(discord.ui.View):
    @discord.ui.button(label="B", custom_id="b")
    async def press(self, interaction: discord.Interaction, button: Any) -> None:
        await interaction.response.send_message("pressed")

    @discord.ui.select(custom_id="s", options=[discord.SelectOption(label="One", value="1")])
    async def choose(self, interaction: discord.Interaction, select: Any) -> None:
        await interaction.response.edit_message(content=f"chose {select.values[0]}", view=None)


def commands(client: discord.Client) -> app_commands.CommandTree:
    tree = app_commands.CommandTree(client)

    @tree.command(name="echo", description="Echo")
    async def echo(interaction: discord.Interaction, text: str) -> None:
        await interaction.response.defer()
        await interaction.followup.send(f"echo {text}")

    @echo.autocomplete("text")
    async def choices(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{current}!", value="v")]

    @tree.command(name="ask", description="Ask")
    async def ask(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Ask())

    return tree


class Judge:
    """The checks, in order; later ones use what earlier ones made."""

    def __init__(self, client: discord.Client) -> None:
        self.client, self.tree = client, commands(client)
        self.seen: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.resumed = asyncio.Event()
        client.event(self.on_message)
        client.event(self.on_resumed)

    async def on_message(self, message: discord.Message) -> None:
        await self.seen.put(message)

    async def on_resumed(self) -> None:
        self.resumed.set()

    async def hear(self, text: str) -> discord.Message:
        await control("say", channel="general", user="alice", text=text)
        while (message := await self.seen.get()).content != text:
            pass
        return message

    async def connect(self) -> object:
        self.task = asyncio.create_task(self.client.start(TOKEN))
        await asyncio.sleep(0)
        while not self.client.is_ready():
            assert not self.task.done(), self.task.exception()
            await asyncio.sleep(0.05)
        return self.client.user

    async def receive(self) -> object:
        self.message = await self.hear("hello")
        self.channel: Any = self.message.channel
        return self.message.content

    async def send(self) -> object:
        self.message = await self.message.reply("sent", allowed_mentions=discord.AllowedMentions.none())
        return self.message.type

    async def edit(self) -> object:
        return (await self.message.edit(content="edited")).content

    async def react(self) -> object:
        await self.message.add_reaction("👍")
        return (await self.channel.fetch_message(self.message.id)).reactions[0].emoji

    async def slash(self) -> object:
        await self.tree.sync()
        text = (await control("slash", channel="general", user="alice", command="echo", options={"text": "a"}))["text"]
        assert text == "echo a", text
        return text

    async def autocomplete(self) -> object:
        return (await control("autocomplete", channel="general", user="alice", command="echo", focused="text", text="he"))["choices"][0][
            "name"
        ]

    async def modal(self) -> object:
        opened = await control("slash", channel="general", user="alice", command="ask")
        text = (await control("submit", interaction=opened["id"], user="alice", values={"why": "x"}))["text"]
        assert text == "because x", text
        return text

    async def component(self) -> object:
        self.panel = await self.channel.send("panel", view=Panel())
        answer = await control("click", channel="general", user="alice", message=str(self.panel.id), custom_id="b")
        assert answer["text"] == "pressed", answer
        await control("click", channel="general", user="alice", message=str(self.panel.id), custom_id="s", values=["1"])
        return (await self.channel.fetch_message(self.panel.id)).content

    async def webhook(self) -> object:
        self.hook = await self.channel.create_webhook(name="Voices")
        sent = await self.hook.send("by hook", username="Lilith", wait=True)
        return (await sent.edit(content="changed")).content

    async def thread(self) -> object:
        thread = await self.channel.create_thread(name="aside", type=discord.ChannelType.public_thread)
        one = await thread.send("in it")
        await self.hook.send("hook in it", thread=thread)
        await thread.edit(archived=True)
        assert await refused(one.edit(content="y")) == 50083
        return [m.content async for m in thread.history()]

    async def refusals(self) -> object:
        found = [await refused(self.channel.send("x" * 2001)), await refused(self.channel.send(" "))]
        assert found == [50035, 50006], found
        return found

    async def resume(self) -> object:
        await control("gateway", do="cut")
        await self.resumed.wait()
        return (await self.hear("after")).content


async def main() -> None:
    intents = discord.Intents.default()
    intents.message_content = True
    judge = Judge(discord.Client(intents=intents, allowed_mentions=discord.AllowedMentions.none()))
    names = "connect receive send edit react slash autocomplete modal component webhook thread refusals resume"
    for name in names.split():
        await check(name, getattr(judge, name))
    await judge.client.close()


asyncio.run(main())
