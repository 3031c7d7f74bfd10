"""Every command that takes a file, as people give files: a good one, a bad one, and one that Discord does not hand over."""

import json
from collections.abc import AsyncIterator

import pytest

from engine import ids
from engine.actor import person
from engine.chatlogs.reading import read_chats
from engine.config import Settings
from projections.archive import chats
from tests.service.test_discord_poison import commands
from tests.service.test_discord_resources import Person, inputs, seen
from tests.support import shapes
from tests.support.chatlogs import jsonl, tavern
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.faults import Fault
from tests.support.discord.harness import Rig, rig
from tests.support.discord.validate import load, spec_path
from tests.support.pictures import picture

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
FILE = 11
SCRIPT = {"scriptName": "ocean", "findRegex": "/sea/g", "replaceString": "ocean", "placement": [2]}
"""Of a program that calls an answer placement 2."""
WORLD = {"entries": {"0": {"uid": 0, "key": ["sea"], "content": "Salt."}}}
PRESET = {"name": "Calm", "model": "a/b", "temperature": 0.2}
GIVEN: dict[str, tuple[dict[str, object], bytes, str]] = {
    "character import": ({}, json.dumps({"name": "Ada", "description": "A smith."}).encode(), "@ada"),
    "character avatar": ({"character": "zoe"}, picture(), "has a new picture"),
    "preset import": ({}, json.dumps(PRESET).encode(), "Calm"),
    "persona import": ({}, json.dumps({"name": "Ahab", "about": "Hunts a whale."}).encode(), "Ahab"),
    "history import": ({"character": "zoe"}, jsonl(tavern()), "your private talk with Zoe"),
    "lore import": ({}, json.dumps(WORLD).encode(), "with 1 entries"),
    "script import": ({"character": "zoe"}, json.dumps(SCRIPT).encode(), "1 scripts came in"),
}
"""For each command its other options, the content of a good file, and words of the answer."""


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    path = spec_path()
    async with StandinDiscord.start(spec=load(path) if path else None) as running:
        yield running
        assert running.violations == []
        assert running.recorder.pings == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    async with rig(settings, discord, lambda turn: "fine, thank you") as running:
        await running.character("Zoe", owner=int(discord.user_id("alice")))
        yield running


async def test_imported_talk_is_taken_back_once_somebody_confirms(stage: Rig, discord: StandinDiscord) -> None:
    """C10: what it would be is said first; then it is done, is a change that `/undo` takes back, and there is nothing left to take back."""
    alice, owner = Person(discord, "alice"), person(int(discord.user_id("alice")))
    [chat] = read_chats(jsonl(tavern()))
    zoe = ids.derived("test character", "Zoe")
    async with stage.bot():
        assert "imported no talk with Zoe" in await alice.says("history import-undo", character="zoe", confirm="undo")
        done = await chats.take(stage.log, owner, chat, zoe)
        await stage.settle()
        held = f"One conversation with Zoe: {done.lines} imported lines of 2024-05-03"
        told = await alice.says("history import-undo", character="zoe")
        assert (held in told, "Nothing was taken back yet" in told) == (True, True), told
        assert f"Taken back: {held}" in await alice.says("history import-undo", character="zoe", confirm="Undo")
        assert "imported no talk with Zoe" in await alice.says("history import-undo", character="zoe")
        assert "Taken back: chat withdrawn" in await alice.says("undo")
        assert held in await alice.says("history import-undo", character="zoe")


async def test_every_command_that_takes_a_file_answers_whatever_the_file_is(stage: Rig, discord: StandinDiscord) -> None:
    """Done with a good one; a sentence, hidden, for nonsense and for one that is not handed over; all as Discord's OpenAPI has it."""
    taking = {name: option["name"] for name, options in commands() for option in options if option["type"] == FILE}
    assert taking.keys() == GIVEN.keys()
    alice = Person(discord, "alice")
    async with stage.bot():
        for name, (options, content, words) in GIVEN.items():
            assert words in await alice.says(name, **options, **{taking[name]: ("file.json", content)}), name
            refused = await alice.says(name, **options, **{taking[name]: ("\u202efile.json", b"\x00\xff nonsense")})
            assert refused, name
            assert "broke" not in refused, (name, refused)
            discord.faults[:] = [Fault("GET", "/cdn/", status=404, drop=name == "lore import", times=5)]
            assert "does not hand that file over" in await alice.says(name, **options, **{taking[name]: ("file.json", content)}), name
            discord.faults.clear()


async def test_a_backup_comes_in_only_when_its_preview_is_confirmed(stage: Rig, discord: StandinDiscord) -> None:
    """The preview makes nothing and asks who was who; the form or the button brings it in; nobody else's press does."""
    alice, bob = Person(discord, "alice"), Person(discord, "bob")
    async with stage.bot():
        shown = await alice.run("character import", file=("mochi.zip", shapes.zipped(shapes.raw())))
        told = str(seen(shown)["content"])
        assert [words for words in ("4 memories", "5 lines of talk", "u: 3 memories", "Nothing was made yet") if words not in told] == []
        assert "there is no" in (await alice.says("character view", character="mochi")).lower()
        opened = await alice.press(shown, "Say who was who first")
        assert [field["label"] for field in inputs(opened)] == ["u: 3 memories"]
        refused = await alice.fill(opened, s0="123456789012345678")
        assert "is an account" in str(seen(refused)["content"])
        assert "not kept any more" in str(seen(await bob.press(shown, "Bring it in"))["content"])
        done = str(seen(await alice.fill(opened, s0="Rook"))["content"])
        assert [words for words in ("@mochi", "by job") if words not in done] == []
        again = str(seen(await alice.press(shown, "Bring it in"))["content"])
        assert "is here already" in again
