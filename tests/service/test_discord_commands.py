"""Slash commands: made, looked at, activated, and who may do what."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.discord.service import Service
from engine.config import Settings
from projections.models.catalog import Character
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig
from tests.support.discord.validate import load, spec_path
from tests.support.discord.world import TALK

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
WREN = {"name": "Wren Halloway", "info": "Keeps a lighthouse.", "traits": "Dry humour."}


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
        await running.character("Lilith")
        yield running


@pytest.fixture
async def bot(stage: Rig) -> AsyncIterator[Service]:
    async with stage.bot() as service:
        yield service


async def test_a_character_is_made_with_a_form_and_answers_its_owner_only(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """`/character create` opens a form; what it makes is private (A2)."""
    opened = await discord.answered(await discord.slash("general", "alice", "character create"))
    assert opened.modal is not None
    made = await discord.answered(await discord.submit(opened, "alice", WREN))
    assert "@wren-halloway" in made.text
    assert made.ephemeral
    asked = await discord.say("general", "alice", "@Wren Halloway, how is the sea?")
    [reply] = await discord.wait_reply("general", asked)
    assert reply["author"]["username"] == "Wren Halloway"
    await discord.say("general", "bob", "@wren-halloway hello")
    await discord.say("general", "bob", "me too", reply_to=reply["id"])
    last = await discord.say("general", "bob", "@Lilith?")
    await discord.wait_reply("general", last)
    assert [str(t.message_id) for t in stage.requested] == [asked, last]


async def test_a_form_opened_before_a_restart_still_arrives(stage: Rig, discord: StandinDiscord) -> None:
    """Incident 33: the handler belongs to the custom_id, not to the process that showed the form."""
    async with stage.bot():
        opened = await discord.answered(await discord.slash("general", "alice", "character create"))
    async with stage.bot():
        made = await discord.answered(await discord.submit(opened, "alice", WREN))
    assert "@wren-halloway" in made.text


BROKEN = (
    ({"name": "???"}, "needs a name with a letter"),
    ({"name": "Lilith"}, "There is a character called lilith already"),
    ({"slug": "No Good"}, "small letters, digits and hyphens"),
    ({"info": "", "traits": ""}, "at least in one sentence"),
)


async def a_form_that_breaks_a_rule_says_which(stage: Rig, discord: StandinDiscord) -> None:
    """One sentence with what to change; nothing is made."""
    before = await stage.count("character.created")
    for fields, words in BROKEN:
        opened = await discord.answered(await discord.slash("general", "alice", "character create"))
        made = await discord.answered(await discord.submit(opened, "alice", WREN | fields))
        assert words in made.text, fields
    assert await stage.count("character.created") == before


async def characters_are_listed_and_shown_to_those_who_may_use_them(stage: Rig, discord: StandinDiscord) -> None:
    """A private one does not exist for others."""
    await stage.character("Secret", owner=int(discord.user_id("alice")), visibility="private")
    mine = await discord.answered(await discord.slash("general", "alice", "character browse"))
    others = await discord.answered(await discord.slash("general", "bob", "character browse"))
    assert "@secret" in mine.text
    assert "@secret" not in others.text
    assert "@lilith" in others.text
    shown = await discord.answered(await discord.slash("general", "alice", "character view", {"character": "Secret"}))
    hidden = await discord.answered(await discord.slash("general", "bob", "character view", {"character": "secret"}))
    assert "This is Secret." in shown.text
    assert "There is no such character" in hidden.text


async def names_are_suggested_while_they_are_typed(stage: Rig, discord: StandinDiscord) -> None:
    """Autocomplete gives at most 25 of those the person may use."""
    for number in range(30):
        await stage.character(f"Extra {number}")
    typed = await discord.answered(await discord.autocomplete("general", "alice", "character view", "character", "lil"))
    assert typed.choices == [{"name": "Lilith (lilith)", "value": "lilith"}]
    many = await discord.answered(await discord.autocomplete("general", "alice", "character view", "character", "extra"))
    assert many.choices is not None
    assert len(many.choices) == 25


async def test_activation_has_its_rules(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """Not twice, not unknown, five at most, and nothing to deactivate where nobody is active."""
    for number in range(5):
        await stage.character(f"Extra {number}")

    async def run(command: str, **options: str) -> str:
        interaction = await discord.answered(await discord.slash("general", "alice", f"channel {command}", options))
        assert interaction.ephemeral, "what is answered first is for the person alone"
        if interaction.text != "Done.":
            assert len(interaction.messages) == 1, "a refusal is nobody else's business"
            return interaction.text
        await discord.wait_for(lambda: len(interaction.messages) == 2 or None, 10.0, "what everybody sees")
        assert not int(interaction.messages[1].get("flags") or 0) & 64
        return interaction.text

    assert "Nobody is activated" in await run("deactivate")
    assert "Lilith" in await run("activate", character="lilith")
    assert "already" in await run("activate", character="lilith")
    assert "There is no such character" in await run("activate", character="nobody")
    for number in range(4):
        await run("activate", character=f"extra-{number}")
    assert "5 characters" in await run("activate", character="extra-4")
    assert "Type `reset`" in await run("reset", confirm="yes")
    assert "nothing of what was said here before" in await run("reset", confirm=" Reset")
    assert await stage.count("channel.context_reset") == 1
    assert "Nobody is activated" in await run("deactivate")
    taken_back = await discord.answered(await discord.slash("general", "alice", "undo"))
    assert "channel" in taken_back.text
    assert await stage.count("channel.context_restored") == 1
    assert "1 character deactivated" in await run("deactivate", character="lilith")
    assert "4 characters deactivated" in await run("deactivate")


async def who_may_not_manage_messages_may_not_activate(stage: Rig, discord: StandinDiscord) -> None:
    """Checked by us, whatever Discord shows."""
    discord.world.person("alice").permissions = TALK
    refused = await discord.slash("general", "alice", "channel activate", {"character": "lilith"})
    assert "You need the Manage Messages permission" in (await discord.answered(refused)).text


async def test_health_is_for_owners_and_answers_although_things_are_dead(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """F7: also without NATS. That nothing is waited for beyond the probe's own limit stands in the unit tests."""
    refused = await discord.answered(await discord.slash("general", "alice", "admin health"))
    assert "Only the bot's owners" in refused.text
    told = await discord.answered(await discord.slash("general", "boss", "admin health"))
    assert "✅ Postgres" in told.text
    assert "✅ NATS" in told.text
    bot.context.settings = bot.context.settings.model_copy(update={"nats_url": "nats://127.0.0.1:1"})
    async with asyncio.timeout(20):
        told = await discord.answered(await discord.slash("general", "boss", "admin health"))
    assert "❌ NATS" in told.text
    assert "✅ Postgres" in told.text


async def a_command_that_breaks_is_answered_with_a_reference(
    bot: Service, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person never sees an interaction that failed, nor what it said inside."""

    async def broken(_: int) -> list[object]:
        raise RuntimeError("inner words")

    monkeypatch.setattr(bot.roster, "usable_by", broken)
    told = await discord.answered(await discord.slash("general", "alice", "character browse"))
    assert told.text.startswith("**Something broke**")
    assert "reference" in told.text
    assert "inner words" not in told.text


async def an_answer_that_takes_its_time_is_deferred_at_once(bot: Service, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch) -> None:
    """R27: the deferral does not wait for the database; the answer comes when it can."""
    answers = asyncio.Event()
    usable_by = bot.roster.usable_by

    async def slow(user: int) -> list[Character]:
        await answers.wait()
        return await usable_by(user)

    monkeypatch.setattr(bot.roster, "usable_by", slow)
    asked = await discord.slash("general", "alice", "character browse")
    await discord.wait_for(lambda: asked.callback == 5, what="the deferral")
    assert not asked.done
    answers.set()
    assert "@lilith" in (await discord.answered(asked)).text


async def test_what_commands_say(stage: Rig, bot: Service, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, in one place: whatever each is answered with, the next one finds all as it was."""
    await a_form_that_breaks_a_rule_says_which(stage, discord)
    await characters_are_listed_and_shown_to_those_who_may_use_them(stage, discord)
    with monkeypatch.context() as patched:
        await a_command_that_breaks_is_answered_with_a_reference(bot, discord, patched)
    with monkeypatch.context() as patched:
        await an_answer_that_takes_its_time_is_deferred_at_once(bot, discord, patched)
    await names_are_suggested_while_they_are_typed(stage, discord)
    await who_may_not_manage_messages_may_not_activate(stage, discord)
