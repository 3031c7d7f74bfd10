"""`/channel` on Discord: what is set for a channel, who answers there and why."""

from collections.abc import AsyncIterator

import pytest

from bot.discord.service import Service
from engine.config import Settings
from tests.service.test_discord_resources import Person, parts, seen
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig
from tests.support.discord.validate import load, spec_path
from tests.support.discord.world import TALK

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    path = spec_path()
    async with StandinDiscord.start(spec=load(path) if path else None) as running:
        yield running
        assert running.violations == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    async with rig(settings, discord, lambda turn: f"answer to {turn.message_id}") as running:
        await running.character("Lilith")
        yield running


@pytest.fixture
async def bot(stage: Rig) -> AsyncIterator[Service]:
    async with stage.bot() as service:
        yield service


async def test_a_channel_is_changed_by_buttons_and_explained_to_whoever_asks(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """H8: precedence is printed, what stands in the way comes first; refusals name the permission."""
    boss, bob = Person(discord, "boss"), Person(discord, "bob")
    discord.world.person("bob").permissions = TALK
    assert "Nobody is activated here" in await bob.says("channel explain")
    await boss.run("channel activate", character="lilith")
    assert "Manage Messages" in await bob.says("channel edit")
    assert "Manage Messages" in await bob.says("channel edit", field="most", value="2")
    assert not parts(seen(await bob.run("channel show"))), "who may not change it gets no button"
    shown = await boss.press(await boss.run("channel show"), "Edit")
    shown = await boss.press(shown, "Who speaks", ["pooled"])
    assert "Changed: Who speaks" in seen(shown)["content"]
    shown = await boss.press(shown, "Characters", ["closed"])
    told = await bob.says("channel explain")
    assert told.startswith("🔇 Characters may not speak here")
    assert "applies to everybody here" in told
    await discord.say("general", "bob", "hello?")
    assert "Taken back" in (await boss.press(shown, "Undo")).text
    assert "goes from 1 to 10" in await boss.says("channel edit", field="most", value="11")
    asked = await discord.say("general", "bob", "and now?")
    await discord.wait_reply("general", asked)
    assert [str(turn.message_id) for turn in stage.requested] == [asked]
    discord.world.channel("general").denied.add("MANAGE_WEBHOOKS")
    told = await bob.says("channel explain")
    assert told.startswith("⚠️ I lack Manage Webhooks here")
    assert "**Lilith** (`@lilith`) is activated here" in told
    assert "Who speaks: pooled" in told
