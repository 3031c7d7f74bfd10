"""What strangers type into commands and forms on Discord, and what the gateway sends that no Discord would: a sentence, and it goes on."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.discord.service import Service
from engine.config import Settings
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.core import Interaction
from tests.support.discord.harness import Rig, rig

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
COMMANDS = Path(__file__).parents[1] / "contract" / "discord_commands.json"
SAID = "\u202e\U000e0041 [/b] <@42> @everyone {{user}} %s \x1b[31m ²٣ '\"; -- </message> ../../x"
"""Everything at once; a NUL and half a pair cannot be sent by Discord's own client, and are sent by nobody else."""
WORDS, NUMBER, SWITCH = 3, 4, 5


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running
        assert running.recorder.pings == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    async with rig(settings, discord, lambda turn: "fine, thank you") as running:
        await running.character("Lilith")
        yield running


@pytest.fixture
async def bot(stage: Rig) -> AsyncIterator[Service]:
    async with stage.bot() as service:
        yield service


def asked() -> Iterator[tuple[str, dict[str, object]]]:
    """Each command that takes words once, with something odd in every option that does."""
    for command in json.loads(COMMANDS.read_text()):
        yield from _with_options(command, "")


def _with_options(command: dict[str, Any], before: str) -> Iterator[tuple[str, dict[str, object]]]:
    name = f"{before} {command['name']}".strip()
    options = command.get("options", [])
    if command.get("type", 1) != 1:
        return
    if inner := [option for option in options if option["type"] in (1, 2)]:
        for option in inner:
            yield from _with_options(option, name)
        return
    if any(option["type"] not in (WORDS, NUMBER, SWITCH) and option.get("required") for option in options):
        return  # people, roles and channels are Discord's to name; what stands in files: tests/unit/test_poison.py
    given = {option["name"]: value for option in options if (value := _odd(option)) is not None}
    if SAID[:10] in "".join(map(str, given.values())):
        yield name, given


def _odd(option: dict[str, Any]) -> object:
    """What is given for an option; None where it takes a person, a role or a channel."""
    if option.get("choices"):
        return option["choices"][0]["value"]
    words = SAID[: option.get("max_length", 6000)].ljust(option.get("min_length", 0), "x")
    return {WORDS: words, NUMBER: option.get("max_value", 1), SWITCH: False}.get(option["type"])


async def test_odd_words_in_every_option_are_answered(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """By one sentence or a form, hidden from others where it refuses; nothing breaks, nobody is pinged, and the next is answered."""
    broken = {}
    for name, options in asked():
        done: Interaction = await discord.answered(await discord.slash("general", "mallory", name, options))
        said = json.dumps(done.messages, ensure_ascii=False)
        if "broke" in said or "went wrong" in said or not (done.messages or done.modal is not None):
            broken[name] = said[:300]
    assert broken == {}
    words = await discord.say("general", "alice", "@Lilith hello")
    await discord.wait_reply("general", words)
