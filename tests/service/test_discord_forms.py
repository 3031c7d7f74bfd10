"""Whatever is typed into a form on Discord: every form that the code opens, each field with everything that programs break on."""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from bot.discord import custom_ids
from bot.discord.features.resources import screens
from bot.editing import KINDS
from bot.sheets import EVERY, SHEETS
from engine import actor
from engine.config import Settings
from tests.service.test_discord_poison import broken, hello
from tests.service.test_discord_resources import Person, inputs, parts, seen
from tests.support import poison, shapes
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.core import Interaction
from tests.support.discord.errors import Json
from tests.support.discord.harness import Rig, staged

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
OPENED = re.compile(r"\bform\(\s*custom_ids\.([A-Z_]+)\.id\(")
"""How the code opens a form: one that is new is asked for below."""
PLACE, WHO = "quiet", "boss"
TEXTS: dict[str, object] = {
    **{name: text[:9_000] for name, text in poison.TEXTS.items()},
    "empty": "",
    "mentions": "<@42> <@&7> @everyone <#9> </x:1> <t:1:R>",
    "markdown": "```\n# x\n> y ||z|| [a](https://x.example) **",
    "number": 10**30,
    "null": None,
    "list": [["x"]],
}
EACH = len(TEXTS) if os.environ.get("TZUROT_FULL") == "1" else 1
"""Of these texts that each field is given: others each time, and fields are many."""
type Open = Callable[[], Awaitable[Interaction]]


async def test_every_field_of_every_form_takes_everything(settings: Settings) -> None:
    """It is kept, or refused by one sentence; nothing breaks, every read model goes on, and the next person is answered."""
    wrong, reached, number = dict[str, str](), set[str](), count()
    async with staged(settings, lambda turn: "fine, thank you", "Lilith", owner=WHO) as stage, stage.bot():
        async for opening in every_form(stage):
            opened = await opening()
            for key in [str(item["custom_id"]) for item in inputs(opened)]:
                for name in some(number):
                    anew = await opening()  # each time: what was kept changes the form
                    opened = anew if anew.modal else opened  # what became too long for a form is sent by the one that was open
                    texts = {str(item["custom_id"]): item.get("value", "") for item in inputs(opened)} | {key: TEXTS[name]}
                    done = await stage.discord.answered(await stage.discord.send_form(opened, WHO, texts))
                    if said := broken(done):
                        wrong[f"{done.payload['data']['custom_id']} {key}: {name}"] = said
                    reached.add(str(done.payload["data"]["custom_id"]).split(":")[0])
        await hello(stage)
        await stage.settle()
        async with stage.log.pool.connection() as connection:
            aside = await (await connection.execute("SELECT count(*) FROM projection_skips")).fetchone()
    assert wrong == {}
    assert aside == (0,)
    assert reached == {getattr(custom_ids, name).prefix for name in in_the_code()}


def in_the_code() -> set[str]:
    """The names of the forms that the bot can open."""
    return {name for file in Path("bot/discord").rglob("*.py") for name in OPENED.findall(file.read_text())}


def some(number: Iterator[int]) -> list[str]:
    """The next of the texts."""
    names = list(TEXTS)
    return [names[next(number) % len(names)] for _ in range(EACH)]


async def every_form(stage: Rig) -> AsyncIterator[Open]:
    """Each form, opened as people open it."""
    boss = Person(stage.discord, WHO)
    said = await stage.discord.say(PLACE, WHO, "@Lilith hello")
    [reply] = await stage.discord.wait_reply(PLACE, said)

    async def on_reply(command: str) -> Interaction:
        return await stage.discord.answered(await stage.discord.on_message(PLACE, WHO, command, reply["id"]))

    yield partial(on_reply, "Edit reply")
    yield partial(on_reply, "Report")
    versions, preview = seen(await on_reply("Versions")), seen(await boss.run("me delete"))
    yield partial(boss.press, versions, named(versions, custom_ids.REPLY_WISH))
    yield partial(boss.press, preview, named(preview, custom_ids.DELETE_ME))
    yield partial(boss.run, "settings apikey")
    backup = seen(await boss.run("character import", file=("mochi.zip", shapes.zipped(shapes.raw()))))
    yield partial(boss.press, backup, named(backup, custom_ids.BACKUP_WHO))
    for name in KINDS:
        yield partial(boss.run, f"{name} create")
    for name, kind in EVERY.items():
        board = await dashboard(boss, name)
        item = custom_ids.parse(named(board, custom_ids.SCREEN)).values
        assert item is not None
        for number, screen in enumerate(screens.screens(kind, actor.operator())):
            for form in range(len(screen.forms)):
                pressed = custom_ids.FORM_OPEN.id(name, item[1], number, form)
                button = {"type": 2, "style": 2, "label": "x", "custom_id": pressed}
                yield partial(boss.press, board | {"components": [{"type": 1, "components": [button]}]}, pressed)


async def dashboard(boss: Person, name: str) -> Json:
    """The dashboard of a thing of this kind."""
    if name in SHEETS:
        return seen(await boss.run(f"{name} edit"))
    opened = await boss.run(f"{name} create")
    good = {"name": "Mine", "model": "a/b", "info": "x", "traits": "y"}
    made = await boss.fill(opened, **{key: text for key, text in good.items() if key in {item["custom_id"] for item in inputs(opened)}})
    return seen(await boss.press(made, "Edit"))


def named(message: Json, press: custom_ids.Press) -> str:
    """The custom_id of this kind on a message."""
    return next(str(item["custom_id"]) for item in parts(message) if str(item.get("custom_id", "")).split(":")[0] == press.prefix)
