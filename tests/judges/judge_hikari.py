"""hikari against the stand-in Discord: one JSON line per check, {"check", "ok", "saw"}. Runs in the judges' environment, not ours."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import hikari

BASE, TOKEN = os.environ["BASE"], os.environ["TOKEN"]


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


class Judge:
    """The checks, in order; later ones use what earlier ones made."""

    def __init__(self) -> None:
        intents = hikari.Intents.ALL_UNPRIVILEGED | hikari.Intents.MESSAGE_CONTENT
        self.bot = hikari.GatewayBot(TOKEN, rest_url=f"{BASE}/api/v10", intents=intents, banner=None, logs=None)
        self.seen: asyncio.Queue[hikari.Message] = asyncio.Queue()
        self.resumed = asyncio.Event()
        self.bot.listen(hikari.MessageCreateEvent)(self.on_message)
        self.bot.listen(hikari.ShardResumedEvent)(self.on_resumed)
        self.bot.listen(hikari.InteractionCreateEvent)(self.on_interaction)

    async def on_message(self, event: hikari.MessageCreateEvent) -> None:
        await self.seen.put(event.message)

    async def on_resumed(self, event: hikari.ShardResumedEvent) -> None:
        self.resumed.set()

    async def on_interaction(self, event: hikari.InteractionCreateEvent) -> None:
        one: Any = event.interaction
        match one:
            case hikari.AutocompleteInteraction():
                await one.create_response([hikari.impl.AutocompleteChoiceBuilder(f"{one.options[0].value}!", "v")])
            case hikari.CommandInteraction() if one.command_name == "ask":
                row = self.bot.rest.build_modal_action_row()
                row.add_text_input("why", "Why")
                await one.create_modal_response("Form", "form", component=row)
            case hikari.CommandInteraction():
                await one.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_CREATE)
                await one.edit_initial_response(f"echo {one.options[0].value}")
            case hikari.ModalInteraction():
                text = one.components[0].components[0].value
                await one.create_initial_response(hikari.ResponseType.MESSAGE_CREATE, f"because {text}", flags=hikari.MessageFlag.EPHEMERAL)
            case hikari.ComponentInteraction():
                await one.create_initial_response(hikari.ResponseType.MESSAGE_CREATE, f"pressed {one.custom_id}")

    async def hear(self, text: str) -> hikari.Message:
        await control("say", channel="general", user="alice", text=text)
        while (message := await self.seen.get()).content != text:
            pass
        return message

    async def connect(self) -> object:
        await self.bot.start(check_for_updates=False)
        return self.bot.get_me()

    async def receive(self) -> object:
        self.message = await self.hear("hello")
        return self.message.content

    async def send(self) -> object:
        self.message = await self.message.respond("sent", reply=True)
        return self.message.type

    async def edit(self) -> object:
        return (await self.message.edit("edited")).content

    async def react(self) -> object:
        await self.message.add_reaction("👍")
        return (await self.bot.rest.fetch_message(self.message.channel_id, self.message)).reactions[0].emoji

    async def slash(self) -> object:
        rest = self.bot.rest
        option = hikari.CommandOption(type=hikari.OptionType.STRING, name="text", description="Text", is_required=True, autocomplete=True)
        built = [rest.slash_command_builder("echo", "Echo").add_option(option), rest.slash_command_builder("ask", "Ask")]
        await rest.set_application_commands((await rest.fetch_application()).id, built)
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
        row = self.bot.rest.build_message_action_row()
        row.add_interactive_button(hikari.ButtonStyle.PRIMARY, "b", label="B")
        panel = await self.bot.rest.create_message(self.message.channel_id, "panel", component=row)
        return (await control("click", channel="general", user="alice", message=str(panel.id), custom_id="b"))["text"]

    async def webhook(self) -> object:
        self.hook = await self.bot.rest.create_webhook(self.message.channel_id, "Voices")
        sent = await self.hook.execute("by hook", username="Lilith")
        return (await self.hook.edit_message(sent, "changed")).content

    async def thread(self) -> object:
        thread = await self.bot.rest.create_thread(self.message.channel_id, hikari.ChannelType.GUILD_PUBLIC_THREAD, "aside")
        await thread.send("in it")
        sent = await self.bot.rest.execute_webhook(self.hook, self.hook.token, "hook in it", thread=thread)
        return sent.channel_id == thread.id

    async def refusals(self) -> object:
        found = []
        for text in ("x" * 2001, " "):
            try:
                await self.bot.rest.create_message(self.message.channel_id, text)
            except hikari.BadRequestError as error:
                found.append(error.code)
        assert found == [50035, 50006], found
        return found

    async def resume(self) -> object:
        await control("gateway", do="reconnect")
        await self.resumed.wait()
        return (await self.hear("after")).content


async def main() -> None:
    judge = Judge()
    names = "connect receive send edit react slash autocomplete modal component webhook thread refusals resume"
    for name in names.split():
        await check(name, getattr(judge, name))
    await judge.bot.close()


asyncio.run(main())
