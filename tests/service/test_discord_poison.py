"""What strangers type into commands and forms on Discord, and what the gateway sends that no Discord would: a sentence, and it goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.config import Settings
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.core import Interaction
from tests.support.discord.harness import Rig, staged
from tests.support.discord.validate import load, spec_path

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
COMMANDS = Path(__file__).parents[1] / "contract" / "discord_commands.json"
SAID = "\u202e\U000e0041 [/b] <@42> @everyone {{user}} %s \x1b[31m ²٣ '\"; -- </message> ../../x"
"""Everything at once; a NUL and half a pair cannot be sent by Discord's own client, and are sent by nobody else."""
WORDS, NUMBER, SWITCH, PERSON = 3, 4, 5, 6

WAITING = {"me export"}
"""Commands that wait for a worker, of which there is none here: tests/service/test_discord_data.py."""
NOBODY = object()
"""Stands for somebody who is there."""


def commands() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each command that is typed, with its options."""
    for command in json.loads(COMMANDS.read_text()):
        yield from _below(command, "")


def _below(command: dict[str, Any], before: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    name = f"{before} {command['name']}".strip()
    options = command.get("options", [])
    if command.get("type", 1) != 1:
        return
    if inner := [option for option in options if option["type"] in (1, 2)]:
        for option in inner:
            yield from _below(option, name)
    else:
        yield name, options


def asked() -> Iterator[tuple[str, dict[str, object]]]:
    """Each command once, with something odd in every option that takes words; those with a file: tests/service/test_discord_files.py."""
    for name, options in commands():
        if any(option["type"] not in (WORDS, NUMBER, SWITCH, PERSON) and option.get("required") for option in options):
            continue
        yield name, {option["name"]: value for option in options if (value := _odd(option)) is not None}


def _odd(option: dict[str, Any]) -> object:
    """What is given for an option; None where it takes a role, a channel or a file."""
    if option.get("choices"):
        return option["choices"][0]["value"]
    words = SAID[: option.get("max_length", 6000)].ljust(option.get("min_length", 0), "x")
    return {WORDS: words, NUMBER: option.get("max_value", 1), SWITCH: False, PERSON: NOBODY}.get(option["type"])


def broken(done: Interaction) -> str:
    """What was shown instead of an answer; empty for an answer or a form."""
    said = json.dumps(done.messages, ensure_ascii=False)
    fine = "broke" not in said and "went wrong" not in said and (done.messages or done.modal is not None or done.done)
    return "" if fine else said[:300] or "nothing"


async def hello(stage: Rig) -> None:
    """The next person is answered."""
    words = await stage.discord.say("general", "alice", "@Lilith hello")
    await stage.discord.wait_reply("general", words, timeout=60)


async def test_every_command_answers_odd_words_in_every_option(settings: Settings) -> None:
    """By one sentence or a form, as Discord's OpenAPI has it, hidden where it refuses; nobody is pinged, and the next is answered."""
    wrong = {}
    async with staged(settings, lambda turn: "fine, thank you", "Lilith") as stage, stage.bot():
        path, bob = spec_path(), stage.discord.user_id("bob")
        stage.discord.spec = load(path) if path else None
        for name, options in asked():
            if name in WAITING:
                continue
            given = {option: bob if value is NOBODY else value for option, value in options.items()}
            if said := broken(await stage.discord.answered(await stage.discord.slash("general", "mallory", name, given))):
                wrong[name] = said
        await hello(stage)
        assert stage.discord.violations == []
    assert wrong == {}
