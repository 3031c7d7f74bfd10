"""`/admin debug` and `/admin quota`: own turns for people, all for the bot's owners."""

from collections.abc import AsyncIterator

import pytest

from bot import turn_lines
from bot.discord.service import Service
from engine.config import Settings
from projections.models.timeline import Filter
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running


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


async def test_people_see_their_own_turns_and_owners_all(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """By any combination of filters; another's turn is as if it were not there; quotas are for owners."""
    for who in ("alice", "bob"):
        asked = await discord.say("general", who, "@Lilith hello")
        await discord.wait_reply("general", asked)
    turns = {turn.user_id: str(turn.turn_id) for turn in stage.requested}
    alices, bobs = turns[int(discord.user_id("alice"))], turns[int(discord.user_id("bob"))]

    async def told(who: str, command: str, **options: str) -> str:
        answer = await discord.answered(await discord.slash("general", who, command, options))
        assert answer.ephemeral
        return answer.text

    own, every = await told("alice", "admin debug recent"), await told("boss", "admin debug recent")
    assert (alices in own, bobs in own, alices in every, bobs in every) == (True, False, True, True)
    filtered = await told("boss", "admin debug recent", character="lilith", user=discord.user_id("bob"))
    assert (alices in filtered, bobs in filtered) == (False, True)
    assert await told("boss", "admin debug recent", category="timeout") == "No turn matches."
    assert {one.person for one in await turn_lines.recent(stage.log, Filter())} == {"Alice", "Bob"}
    assert "your own turns only" in await told("alice", "admin debug recent", user=discord.user_id("bob"))
    assert "not yours" in await told("alice", "admin debug show", turn=bobs)
    assert "Lilith" in await told("alice", "admin debug show", turn=alices)
    assert "Only the bot's owners" in await told("alice", "admin quota")
    assert "last 7 days" in await told("boss", "admin quota")
