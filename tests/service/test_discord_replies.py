"""Message commands on replies, the buttons of their answers, and `/why`: any reply however old, and only those who may."""

from collections.abc import AsyncIterator

import pytest

from bot.discord.limits import EPHEMERAL
from engine.config import Settings
from projections.models.reacting import reactions
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.core import Interaction
from tests.support.discord.errors import Json
from tests.support.discord.harness import Rig, rig
from tests.support.discord.validate import load, spec_path

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    path = spec_path()
    async with StandinDiscord.start(spec=load(path) if path else None) as running:
        yield running
        assert running.violations == []
        assert running.recorder.pings == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    async with rig(settings, discord, lambda turn: f"answer {turn.epoch}") as running:
        await running.character("Lilith")
        yield running


def standing(discord: StandinDiscord) -> list[Json]:
    """What everybody sees of the character."""
    return [m for m in discord.replies("general") if not int(m.get("flags") or 0) & EPHEMERAL]


def shown(discord: StandinDiscord) -> list[str]:
    return [m["content"] for m in standing(discord)]


async def until(discord: StandinDiscord, *texts: str) -> None:
    await discord.wait_for(lambda: shown(discord) == list(texts), what=f"{texts}, and not {shown(discord)}")


async def on_reply(discord: StandinDiscord, command: str, user: str = "alice") -> Interaction:
    """A message command on the last reply of a character."""
    return await discord.answered(await discord.on_message("general", user, command, standing(discord)[-1]["id"]))


async def press(discord: StandinDiscord, panel: Interaction, label: str, user: str = "alice") -> Interaction:
    """The button with this label on the newest message of an answer."""
    buttons = [one for row in panel.messages[-1]["components"] for one in row["components"]]
    wanted = next(one for one in buttons if label in one["label"])
    return await discord.answered(await discord.click("general", user, panel.messages[-1], wanted["custom_id"]))


async def test_a_reply_is_said_otherwise_stepped_through_edited_deleted_and_brought_back(stage: Rig, discord: StandinDiscord) -> None:
    """E3, E5, E6: in the one message it has, by the author of what it answers, also after a restart."""
    async with stage.bot():
        await discord.say("general", "alice", "@Lilith hello")
        await until(discord, "answer 0")
        assert "It is asked for" in (await on_reply(discord, "Regenerate")).text
        await until(discord, "answer 1")
        panel = await on_reply(discord, "Versions")
        assert panel.ephemeral
        assert "Version 2 of 2" in panel.text
    async with stage.bot():
        await press(discord, panel, "Earlier")
        await until(discord, "answer 0")
        asked = await press(discord, panel, "wish")
        await discord.answered(await discord.submit(asked, "alice", {"wish": "shorter, please"}))
        await until(discord, "answer 2")
        await press(discord, panel, "Go on")
        await until(discord, "answer 2", "answer 3")
        form = await on_reply(discord, "Edit reply")
        assert form.modal is not None
        assert form.modal["components"][0]["components"][0]["value"] == "answer 2\n\nanswer 3"
        await discord.answered(await discord.submit(form, "alice", {"text": "in my words"}))
        await until(discord, "in my words")
        gone = await on_reply(discord, "Delete reply")
        await until(discord)
        await press(discord, gone, "Undo")
        await until(discord, "in my words")
    events = await stage.types("reply.")
    assert events.count("reply.regenerated") == 2
    assert events.count("reply.continued") == 1


async def test_only_those_who_may_change_a_reply_and_only_replies_can_be_changed(stage: Rig, discord: StandinDiscord) -> None:
    """E2: somebody else's press of a button is decided as if they had typed a command; nothing happens."""
    async with stage.bot():
        asked = await discord.say("general", "alice", "@Lilith hello")
        await until(discord, "answer 0")
        for command in ("Regenerate", "Delete reply"):
            assert "Only whoever wrote the message" in (await on_reply(discord, command, "bob")).text
        panel = await on_reply(discord, "Versions", "bob")
        assert "Only whoever wrote the message" in (await press(discord, panel, "Another", "bob")).text
        for command in ("Versions", "Regenerate", "Edit reply", "Delete reply"):
            refused = await discord.answered(await discord.on_message("general", "alice", command, asked))
            assert "no reply of a character" in refused.text
        assert shown(discord) == ["answer 0"]
        assert await stage.count("reply.regenerated") == 0


async def test_why_says_what_was_answered_and_why_something_was_not(stage: Rig, discord: StandinDiscord) -> None:
    """F15: a reply with its model and versions, a message with the first reason and what to change, and what was never read."""
    async with stage.bot():
        asked = await discord.say("general", "alice", "@Lilith hello")
        await until(discord, "answer 0")
        unheard = await discord.say("general", "alice", "hello, anybody")
        await stage.settle()

        async def why(message: str, channel: str = "general", user: str = "bob") -> str:
            done = await discord.answered(await discord.slash(channel, user, "why", {"message": message}))
            assert done.ephemeral
            return done.text

        told = (await on_reply(discord, "Inspect", "bob")).text
        assert "**Lilith**: the message names it." in told
        viewed = await discord.answered(await discord.slash("general", "bob", "character view", {"character": "lilith"}))
        assert "**Last used:** <t:" in viewed.text  # C9
        assert "Model: m" in told
        assert await why(f"https://discord.com/channels/1/2/{asked}") == told
        assert "addressed no character" in await why(unheard)
        assert "activate one" in await why(unheard)
        assert "keep nothing of this message" in await why("1234567890123456789")
        assert "link of a message" in await why("nonsense")
        discord.add_channel("elsewhere")
        assert "in the channel where it was said" in await why(asked, "elsewhere")


async def test_a_reply_is_looked_into_remembered_and_reported(stage: Rig, discord: StandinDiscord) -> None:
    """E5, F5: the record of its turn for whoever asked, and for nobody else; anybody may report it, once."""
    async with stage.bot():
        asked = await discord.say("general", "alice", "@Lilith hello")
        await until(discord, "answer 0")
        await stage.settle()
        told = (await on_reply(discord, "Inspect")).text
        assert "in all" in told
        assert "**Turn requested**" in told
        by_link = await discord.answered(await discord.slash("general", "alice", "inspect", {"turn": asked}))
        assert by_link.ephemeral
        assert "**Delivered**" not in by_link.text
        assert "Trigger: name" in by_link.text
        refused = await discord.answered(await discord.slash("general", "bob", "inspect", {"turn": asked}))
        assert "not yours to look into" in refused.text
        assert "Trigger: name" not in (await on_reply(discord, "Inspect", "bob")).text
        assert "It is remembered for you" in (await on_reply(discord, "Remember this")).text
        assert "remembered already" in (await on_reply(discord, "Remember this")).text
        form = await on_reply(discord, "Report", "bob")
        sent = await discord.answered(await discord.submit(form, "bob", {"text": "unkind"}))
        assert "Thank you" in sent.text
        form = await on_reply(discord, "Report", "bob")
        assert "already" in (await discord.answered(await discord.submit(form, "bob", {"text": "again"}))).text
        await stage.settle()
    async with stage.log.pool.connection() as connection:
        [report] = await reactions.reports(connection, stage.log.vault)
    assert (report.text, report.message_id) == ("unkind", int(asked))
