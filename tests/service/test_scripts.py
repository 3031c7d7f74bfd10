"""Regex scripts: steps of rendering on the way to a model and to people, while what is stored stays as it was said."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine import ids, seed
from engine.actor import operator, person
from engine.cards.card import read_card
from engine.cards.mapping import mapped
from engine.config import Settings
from engine.decide import character
from engine.decide.craft.script import PutScript, RemoveScript
from engine.decide.rejected import Rejected
from engine.events.turn import TurnCompleted
from engine.execute import execute
from engine.store import Log, open_log
from engine.undo import take_back
from engine.vault import MasterKey
from tests.service.test_cli_editing import here as here
from tests.service.test_cli_editing import run, run_json
from tests.service.test_delivery import staged
from tests.service.test_lore_prompts import ADA, shelve, turn
from tests.service.test_prompt_sections import Room
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.site import Site

OPERATOR = operator(1)


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        await seed.plant(opened, "a/b")
        yield opened


async def put(log: Log, name: str, **changes: object) -> None:
    await execute(log, OPERATOR, PutScript("character", str(ADA), name, changes), ids.random_id())


async def test_scripts_change_what_the_model_reads_and_nothing_that_is_stored(log: Log) -> None:
    """`turn` proves of each prompt that it is built again byte for byte, also after the scripts were changed."""
    room = Room(log, 95)
    await put(log, "names", find="/alice/gi", replace="$<nobody>Somebody", user=True, replies=False)
    await put(log, "stage", find=r"/\*([^*]+)\*/g", replace="($1)", trim=("softly ",))
    await put(log, "shown", find="/Answer/g", replace="ANSWER", holds="shown")
    await put(log, "old", find="/first/g", replace="long ago", user=True, replies=False, least_depth=1)
    await put(log, "lore", find="/sea/g", replace="ocean", replies=False, lore=True)
    await shelve(log, {"key": ["x"], "content": "The sea is wide.", "constant": True})
    await turn(room, "Alice said *softly hello* first")
    await room.answer(await room.request(await room.say("Again"), ADA), "*softly waves* Answer")
    prompt, _ = await turn(room, "ALICE first")
    said = "\n".join(message.content for message in prompt.messages)
    assert "Somebody said *softly hello* long ago" in said
    assert "Somebody first\n" in said, "the last message is not an old one"
    assert "(waves) Answer" in said, "what is for people alone changes nothing in a prompt"
    assert "The ocean is wide." in said
    rows = [row.event.text async for row in log.read() if isinstance(row.event, TurnCompleted)]
    assert "*softly waves* Answer" in rows
    await execute(log, OPERATOR, RemoveScript("character", str(ADA), "names"), key := ids.random_id())
    assert "ALICE again" in str((await turn(room, "ALICE again"))[0].as_json())
    await take_back(log, OPERATOR, key)
    assert "Somebody once more" in str((await turn(room, "Alice once more"))[0].as_json())


@pytest.mark.filterwarnings(NEXTCORD_WARNING)
async def test_people_are_shown_what_scripts_make_of_a_reply(settings: Settings) -> None:
    async with staged(settings) as stage:
        for name, change in (("shown", "shown"), ("read", "prompt")):
            fields = {"find": "/answer/g", "replace": f"**{name}**", "holds": change}
            await execute(stage.rig.log, OPERATOR, PutScript("character", str(stage.character), name, fields), ids.random_id())
        await stage.rig.settle()
        message = await stage.say()
        await stage.ended(message)
        await stage.deliver(stage.deliverer())
        await stage.until([f"**shown** 0 to {message}"])
        assert await stage.seen_in_history() == [f"answer 0 to {message}"]


async def test_who_may_set_scripts_and_what_cannot_be_run_is_said_at_once(log: Log) -> None:
    with pytest.raises(Rejected, match="look-ahead"):
        await put(log, "cannot", find="/a(?=b)/")
    with pytest.raises(Rejected, match="pattern cannot be run"):
        await put(log, "broken", find="/a(/")
    with pytest.raises(Rejected, match="whose words"):
        await put(log, "nobody", find="a", replies=False)
    with pytest.raises(Rejected):
        await execute(log, person(42), PutScript("character", str(ADA), "x", {"find": "a"}), ids.random_id())
    elsewhere = replace(person(42, permissions=frozenset({"manage_guild"})), guild_id=5)
    with pytest.raises(Rejected, match="Manage Server"):
        await execute(log, elsewhere, PutScript("guild", "6", "x", {"find": "a"}), ids.random_id())
    assert (await execute(log, elsewhere, PutScript("guild", "5", "x", {"find": "a"}), ids.random_id())).events


async def test_scripts_come_in_with_a_card_and_the_command_line_does_everything_with_them(here: Site, tmp_path: Path) -> None:
    linear = {"scriptName": "stars", "findRegex": r"/\*/g", "replaceString": "_", "placement": [1, 2], "markdownOnly": True, "minDepth": -1}
    clever = {"scriptName": "clever", "findRegex": "/a(?!b)/", "placement": [2]}
    extensions = {"regex_scripts": [linear, clever, "odd", {"findRegex": ""}]}
    card = {"spec": "chara_card_v2", "data": {"name": "Maren", "description": "d", "extensions": extensions}}
    file = tmp_path / "maren.json"
    file.write_text(json.dumps(card))
    notes = (await run_json("character", "import", str(file), "--json"))["notes"]
    assert "Its 1 regex scripts came with it." in notes
    assert any("clever was left out" in note and "look-ahead" in note for note in notes)
    [listed] = await run_json("script", "list", "maren", "--json")
    assert (listed["name"], listed["user"], listed["holds"], listed["least_depth"]) == ("stars", True, "shown", None)
    await run("script", "set", "maren", "--name", "loud", "--find", "/[a-z]+/g", "--replace", "{{match}}!", "--user", "yes")
    tried = await run_json("script", "test", "maren", "so *what*", "--json")
    assert tried["a reply, as it is shown"] == "so! _what!_"
    assert tried["a lorebook entry"] == "so *what*"
    await run("script", "remove", "maren", "stars")
    assert [one["name"] for one in await run_json("script", "list", "maren", "--json")] == ["loud"]
    (tmp_path / "one.json").write_text(json.dumps(linear))
    await run("script", "import", "77", str(tmp_path / "one.json"))
    assert [one["name"] for one in await run_json("script", "list", "77", "--json")] == ["stars"]


async def test_last_words_stand_behind_the_message_to_answer(log: Log) -> None:
    card = {"spec": "chara_card_v2", "data": {"name": "M", "description": "d", "post_history_instructions": "Stay {{char}}. </reminder>"}}
    values = mapped(read_card(json.dumps(card).encode(), "m.json")).values
    await execute(log, OPERATOR, character.Edit(ADA, {"post_history": values["post_history"]}), ids.random_id())
    last = (await turn(Room(log, 96), "Who are you?"))[0].messages[-1].content
    name = seed.samples()[0].description.name
    assert last.index("Who are you?") < last.index(f"<reminder>\nStay {name}. &lt;/reminder&gt;\n</reminder>")
