"""Characters and presets on Discord: forms, dashboards, lists, files and defaults, for whoever may, by button and by command."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from bot.discord import custom_ids
from bot.discord.features.resources import overriding
from bot.discord.service import Service
from engine.config import Settings
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.core import Interaction
from tests.support.discord.harness import Rig, rig
from tests.support.discord.validate import load, spec_path
from tests.support.pictures import picture

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
Json = dict[str, Any]
WREN = {"name": "Wren Halloway", "info": "Keeps a lighthouse.", "traits": "Dry humour.\nKind."}


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    path = spec_path()
    async with StandinDiscord.start(spec=load(path) if path else None) as running:
        yield running
        assert running.violations == []
        assert running.recorder.pings == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    owners = settings.model_copy(update={"owner_ids": (int(discord.user_id("boss")),)})
    async with rig(owners, discord, lambda turn: f"answer to {turn.message_id}") as running:
        yield running


@pytest.fixture
async def bot(stage: Rig) -> AsyncIterator[Service]:
    async with stage.bot() as service:
        yield service


class Person:
    """Somebody who types and presses in #general, and reads what comes back."""

    def __init__(self, discord: StandinDiscord, name: str) -> None:
        self.discord, self.name, self.id = discord, name, int(discord.user_id(name))

    async def run(self, command: str, **options: object) -> Interaction:
        return await self.discord.answered(await self.discord.slash("general", self.name, command, options))

    async def says(self, command: str, **options: object) -> str:
        """All that a command is answered with, for the person alone."""
        done = await self.run(command, **options)
        assert all(int(message["flags"]) & 64 for message in done.messages)
        return "\n".join(str(message["content"]) for message in done.messages)

    async def press(self, shown: Interaction | Json, wanted: str, values: Sequence[str] = ()) -> Interaction:
        """Press what is labelled or called so on the message that an interaction left."""
        message = shown if isinstance(shown, dict) else seen(shown)
        known = {item["custom_id"] for item in parts(message)}
        named = [item["custom_id"] for item in parts(message) if wanted in (item["custom_id"], item.get("label"), item.get("placeholder"))]
        assert named, f"no {wanted!r} among {known}"
        return await self.discord.answered(await self.discord.click("general", self.name, message, named[0], values))

    async def fill(self, opened: Interaction, **texts: str) -> Interaction:
        values = {item["custom_id"]: item.get("value", "") for item in inputs(opened)} | {k.replace("__", "."): v for k, v in texts.items()}
        return await self.discord.answered(await self.discord.submit(opened, self.name, values))

    async def suggested(self, command: str, option: str, text: str) -> list[str]:
        done = await self.discord.answered(await self.discord.autocomplete("general", self.name, command, option, text))
        return [str(choice["value"]) for choice in done.choices or []]


def seen(done: Interaction) -> Json:
    """The message a person looks at after an answer: the newest, or the one that was pressed and changed."""
    message = done.messages[-1] if done.messages else done.source
    assert message is not None
    return message


def parts(message: Json) -> list[Json]:
    return [item for row in message.get("components") or [] for item in row["components"]]


def inputs(opened: Interaction) -> list[Json]:
    assert opened.modal is not None, opened.text
    return [item for row in opened.modal["components"] for item in row["components"]]


def screen(message: Json, title: str) -> str:
    """The value of a screen in the select of a dashboard."""
    options = next(item["options"] for item in parts(message) if item["type"] == 3)
    return next(str(option["value"]) for option in options if option["label"] == title)


async def test_a_character_is_made_and_changed_by_buttons_and_each_change_can_be_taken_back(
    stage: Rig, bot: Service, discord: StandinDiscord
) -> None:
    """C6, C10: form, dashboard, switch, choice; undo once, by its maker only; and again."""
    alice, bob = Person(discord, "alice"), Person(discord, "bob")
    made = await alice.fill(await alice.run("character create"), **WREN)
    assert "@wren-halloway" in made.text
    shown = await alice.press(made, "Edit")
    assert "**Traits:** Dry humour. Kind." in seen(shown)["content"]
    shown = await alice.press(shown, "Other fields", [screen(seen(shown), "Voice")])
    opened = await alice.press(shown, next(i["label"] for i in parts(seen(shown)) if "Tone" in i.get("label", "")))
    shown = await alice.fill(opened, tone="Dry, {{char}}.", greeting="Ahoy.\n\nSit down.")
    assert "Changed: Tone, Greeting" in seen(shown)["content"]
    changed = seen(shown)
    shown = await alice.press(changed, "Other fields", [screen(changed, "Access")])
    shown = await alice.press(shown, "For adults only: off")
    assert "For adults only: on" in [i.get("label") for i in parts(seen(shown))]
    shown = await alice.press(shown, "Visibility", ["public"])
    assert "**Visibility:** public" in seen(shown)["content"]
    viewed = await alice.says("character view", character="wren-halloway")
    assert "Ahoy.\n\nSit down." in viewed
    assert "Dry, Wren Halloway." in viewed
    introduced = await bob.says("character view", character="wren-halloway")
    assert "lighthouse" in introduced
    assert "Ahoy" not in introduced
    assert "Only whoever made this change" in (await bob.press(changed, "Undo")).text
    undone = await alice.press(changed, "Undo")
    assert undone.text == "Taken back."
    assert "Ahoy" not in await alice.says("character view", character="wren-halloway")
    assert "taken back already" in (await alice.press(changed, "Undo")).text
    await alice.press(undone, "Do it again")
    assert "Ahoy" in await alice.says("character view", character="wren-halloway")
    assert "character edited" in await alice.says("undo")
    assert "Ahoy" in await alice.says("character view", character="wren-halloway")
    assert "You changed nothing" in await bob.says("undo")


async def test_whatever_is_pressed_is_answered_with_the_command_to_use(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """C6: every custom_id there is, made up, of things that are not there and by somebody else; and some that never were."""
    samples: dict[custom_ids.IdPart, object] = {
        custom_ids.ID: "0" * 32,
        custom_ids.NUMBER: 10**18,
        custom_ids.KIND: "preset",
        custom_ids.ANY: "preset",
        custom_ids.MARK: "0" * 8,
        custom_ids.FIELD: "nonsense",
    }
    made_up = [
        press.id(*(samples[part] for part in press.parts)) for press in custom_ids.ALL if press not in (custom_ids.CREATE, custom_ids.FORM)
    ]
    made_up += ["nonsense", "edit:preset", "undo:x", "switch:persona:1:2:3"]
    base = (await Person(discord, "bob").run("preset browse")).messages[-1]
    for custom_id in made_up:
        button = {"type": 2, "id": 2, "style": 2, "label": "x", "custom_id": custom_id}
        forged = base | {"components": [{"type": 1, "id": 1, "components": [button]}]}
        done = await Person(discord, "bob").press(forged, custom_id)
        if done.modal is None and not custom_id.startswith("browse"):
            assert len(done.messages) == 1, custom_id
            assert done.messages[0]["flags"] & 64
            assert "broke" not in done.text
            assert "`/" in done.text or "nothing to take back" in done.text, (custom_id, done.text)
    assert await stage.count("preset.created") == 1


async def test_buttons_of_before_a_restart_still_work(stage: Rig, discord: StandinDiscord) -> None:
    """Incident 33: what a press means stands in its custom_id; what was typed and refused is kept while the bot runs."""
    alice = Person(discord, "alice")
    async with stage.bot():
        made = await alice.fill(await alice.run("preset create"), name="Mine", model="a/b")
        refused = await alice.fill(await alice.run("preset create"), name="", model="c/d")
        assert "A preset needs a name." in refused.text
        again = await alice.press(refused, "Try again")
        assert {item["custom_id"]: item.get("value") for item in inputs(again)}["model"] == "c/d"
        shown = await alice.press(made, "Edit")
    async with stage.bot():
        shown = await alice.press(shown, "Other fields", [screen(seen(shown), "Sampling")])
        opened = await alice.press(shown, next(i["label"] for i in parts(seen(shown)) if "Temperature" in i.get("label", "")))
        shown = await alice.fill(opened, temperature="0.3")
        assert "**Temperature:** 0.3" in seen(shown)["content"]
        assert (await alice.press(made, "Undo")).text == "Taken back."
        assert "`/preset browse`" in (await alice.press(shown, "Other fields", ["0"])).text


async def test_a_preset_shows_what_is_sent_and_effort_and_tokens_exclude_each_other(
    stage: Rig, bot: Service, discord: StandinDiscord
) -> None:
    """B6, B7, C2: the effective limit by the function that builds requests; setting one clears the other; null clears a field."""
    alice, boss = Person(discord, "alice"), Person(discord, "boss")
    await alice.fill(await alice.run("preset create"), name="Mine", model="openai/o3")
    await alice.run("preset edit", preset="Mine", field="reasoning.max_tokens", value="2000")
    assert "**Reasoning tokens:** 2000" in await alice.says("preset view", preset="Mine")
    await alice.run("preset edit", preset="Mine", field="reasoning.effort", value="high")
    viewed = await alice.says("preset view", preset="Mine")
    assert "Reasoning tokens" not in viewed
    assert "**Most tokens of a reply, as sent:** 32,768 (from the effort)" in viewed
    await alice.run("preset edit", preset="Mine", field="reasoning.effort", value="null")
    assert "effort" not in await alice.says("preset view", preset="Mine")
    assert "goes from 0 to 2" in await alice.says("preset edit", preset="Mine", field="temperature", value="7")
    assert "no such field" in await alice.says("preset edit", preset="Mine", field="is_global", value="yes")
    assert "answers you" in await alice.says("preset default", preset="Mine")
    assert "Your own: **Mine**" in await alice.says("preset default")
    assert "Only the bot's owners" in await alice.says("preset default", preset="Mine", everybody=True)
    assert "no default of your own" in await alice.says("preset default", clear=True)
    await boss.fill(await boss.run("preset create"), name="House", model="a/c")
    assert "answers everybody" in await boss.says("preset default", preset="House", everybody=True)
    assert "**House**" in await alice.says("preset default")
    assert "Only its owners" in await alice.says("preset edit", preset="House", field="temperature", value="1")


async def test_a_preset_answers_where_it_was_chosen(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """C4: with one character by oneself, in a channel and a server by whoever manages them; who decides is told; taken back by `/undo`."""
    alice, boss = Person(discord, "alice"), Person(discord, "boss")
    discord.world.person("alice").permissions = "0"
    await stage.character("Zoe", owner=alice.id, visibility="public")
    await alice.fill(await alice.run("preset create"), name="Mine", model="a/b")
    await boss.fill(await boss.run("preset create"), name="House", model="a/c")
    assert "Name a character" in await alice.says("preset override", preset="Mine")
    assert "with **Zoe** now" in await alice.says("preset override", preset="Mine", character="zoe")
    assert "Nothing changed" in await alice.says("preset override", preset="Mine", character="zoe")
    for whom, where in ((overriding.CHANNEL, "channel"), (overriding.SERVER, "server")):
        assert "permission" in await alice.says("preset override", preset="Mine", **{"for": whom})
        assert f"everybody in this {where} now" in await boss.says("preset override", preset="House", **{"for": whom})
    assert "not both" in await boss.says("preset override", preset="House", character="zoe", **{"for": overriding.SERVER})
    assert "no such preset" in await alice.says("preset override", preset="House", character="zoe")
    told = await alice.says("settings show", character="zoe")
    assert "**Mine** (a/b; set by you for this character, before what is set for the channel)" in told, told
    told = await alice.says("preset override")
    assert "a/c (set for the channel" in told, told
    assert "House" not in told
    assert "**Mine** answers you with **Zoe**" in told
    assert "preset override chosen" in await alice.says("undo")
    assert "set for the channel" in await alice.says("settings show", character="zoe")
    assert "No preset is chosen for everybody in this channel any more" in await boss.says(
        "preset override", clear=True, **{"for": overriding.CHANNEL}
    )
    assert "House** (a/c; set for the server" in await boss.says("settings show")


async def test_lists_and_suggestions_show_what_is_listed_and_offer_what_can_be_changed(
    stage: Rig, bot: Service, discord: StandinDiscord
) -> None:
    """Pages of 25; unlisted ones stay out of others' lists; edit, alias and delete suggest one's own; the nearest name is told."""
    alice, bob = Person(discord, "alice"), Person(discord, "bob")
    for number in range(26):
        await stage.character(f"Extra {number:02}")
    await stage.character("Hidden", owner=alice.id, visibility="unlisted")
    await stage.character("Zoe", owner=alice.id, visibility="public")
    first = await bob.run("character browse")
    assert "Page 1 of 2" in first.text
    assert "hidden" not in first.text
    second = await bob.press(first, "▶")
    assert "@zoe" in seen(second)["content"]
    zoe = next(o["value"] for i in parts(seen(second)) if i["type"] == 3 for o in i["options"] if o["label"] == "Zoe")
    assert "This is Zoe." in (await bob.press(second, "Look at one", [zoe])).text
    assert await bob.suggested("character view", "character", "hid") == []
    assert await alice.suggested("character view", "character", "hid") == ["hidden"]
    assert "This is Hidden." in await bob.says("character view", character="hidden")
    for command in ("edit", "alias", "delete"):
        assert await bob.suggested(f"character {command}", "character", "") == []
        assert await alice.suggested(f"character {command}", "character", "") == ["hidden", "zoe"]
    told = await bob.says("character view", character="zoee")
    assert "Did you mean `zoe`?" in told
    assert "`/character browse`" in told
    assert "hidden" not in await bob.says("character view", character="hiden")


async def test_a_co_owner_sees_all_and_brings_back_what_they_deleted(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """C1: a deletion says first what it does, and is its maker's to take back."""
    alice, bob, carol = (Person(discord, name) for name in ("alice", "bob", "carol"))
    await stage.character("Zoe", owner=alice.id, visibility="public", tone="Dry")
    await alice.run("character edit", character="zoe", field="co_owners", value=str(bob.id))
    assert "**Tone:** Dry" in await bob.says("character view", character="zoe")
    assert "Tone" not in await carol.says("character view", character="zoe")
    assert "Only its owners" in await carol.says("character delete", character="zoe")
    preview = await bob.run("character delete", character="zoe")
    assert "cannot be undone" in preview.text
    assert await stage.count("character.deleted") == 0
    assert "Only its owners" in (await carol.press(seen(preview), "Delete Zoe")).text
    deleted = await bob.press(preview, "Delete Zoe")
    assert "There is no such character" in await bob.says("character view", character="zoe")
    await bob.press(deleted, "Undo")
    assert "This is Zoe." in await carol.says("character view", character="zoe")
    named = await bob.run("character alias", character="zoe", alias="Whisper")
    assert "Zoe" in await carol.says("character view", character="whisper")
    await bob.press(named, "Undo")
    assert "There is no such" in await carol.says("character view", character="whisper")


async def test_a_file_goes_out_and_comes_in_again(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """C2: an export holds every field; an import says what it left out; what is no file of ours is refused in a sentence."""
    alice, bob = Person(discord, "alice"), Person(discord, "bob")
    await stage.character("Zoe", owner=alice.id, visibility="public", tone="Dry", custom={"a": [1, None]})
    exported = await alice.run("character export", character="zoe")
    [file] = seen(exported)["attachments"]
    content = discord.world.files[file["url"].split("/cdn/")[1]][0]
    assert json.loads(content)["custom"] == {"a": [1, None]}
    assert "Only its owners can export" in await bob.says("character export", character="zoe")
    made = await bob.run("character import", file=(file["filename"], content))
    assert "@zoe-2" in made.text
    assert "**Tone:** Dry" in await bob.says("character view", character="zoe-2")
    assert "holds no JSON" in await bob.says("character import", file=("x.json", b"nonsense"))
    assert "of a character, not of a preset" in await bob.says("preset import", file=("x.json", content))


async def test_a_form_that_was_overtaken_keeps_what_was_typed(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """An edit between opening and sending is not silently taken back; the next try has the typed text."""
    alice = Person(discord, "alice")
    await stage.character("Zoe", owner=alice.id, visibility="public")
    opened = await alice.run("character edit", character="zoe", field="tone")
    await alice.run("character edit", character="zoe", field="tone", value="Loud")
    refused = await alice.fill(opened, tone="Dry")
    assert "changed elsewhere" in refused.text
    again = await alice.press(refused, "Try again")
    assert [item["value"] for item in inputs(again)] == ["Dry"]
    assert "Changed: Tone" in seen(await alice.fill(again))["content"]


async def test_a_picture_and_a_card_come_in_as_files(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """C1, G1: `avatar` takes a picture and gives it back; a card of another program makes a character, and goes out as a card."""
    alice = Person(discord, "alice")
    await stage.character("Zoe", owner=alice.id, visibility="public")
    pictured = await alice.run("character avatar", character="zoe", picture=("zoe.png", picture()))
    assert "new picture" in pictured.text
    assert "no picture" in (await alice.says("character avatar", character="zoe", picture=("zoe.png", b"nonsense"))).lower()
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Ada", "description": "A smith.", "first_mes": "Come in."}}
    made = await alice.run("character import", file=("ada.json", json.dumps(card).encode()))
    assert "@ada" in made.text
    assert "Come in." in await alice.says("character view", character="ada")
    exported = await alice.run("character export", character="zoe", form="png")
    [file] = seen(exported)["attachments"]
    assert discord.world.files[file["url"].split("/cdn/")[1]][0].startswith(b"\x89PNG")
    await alice.press(pictured, "Undo")
    assert "Nothing changed" in await alice.says("character avatar", character="zoe")
