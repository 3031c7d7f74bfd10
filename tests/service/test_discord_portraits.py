"""A character's stored picture on Discord: an emoji of the application, uploaded once, taken away when nobody uses it."""

from collections.abc import AsyncIterator

import pytest

from bot import avatars
from bot.discord import portraits
from bot.discord.service import Service
from engine import ids
from engine.actor import operator
from engine.config import Settings
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig
from tests.support.discord.validate import load, spec_path
from tests.support.pictures import picture

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
        yield running


@pytest.fixture
async def bot(stage: Rig) -> AsyncIterator[Service]:
    async with stage.bot() as service:
        yield service


async def shown(discord: StandinDiscord) -> str | None:
    """Say something to Ada; the address of the picture her answer has."""
    asked = await discord.say("general", "alice", "@Ada hello")
    [reply] = await discord.wait_reply("general", asked)
    found: str | None = discord.world.channel("general").messages[reply["id"]]["_avatar_url"]
    return found


async def test_a_stored_picture_is_shown_without_a_public_address(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """Uploaded once; another picture is another emoji, and the old one goes when it is not used any more."""
    ada = await stage.character("Ada", avatar_url="https://example.org/ada.png")
    assert await shown(discord) == "https://example.org/ada.png"
    for colour in ("red", "blue"):
        await avatars.put(stage.log, operator(1), ada, picture(colour=colour), ids.random_id())
        first, second = await shown(discord), await shown(discord)
        emoji = list(discord.world.emojis)[-1]
        assert first == second == f"https://cdn.discordapp.com/emojis/{emoji}.png?size=128"
    assert len(discord.world.emojis) == 2
    await bot.portraits.tidy()
    assert len(discord.world.emojis) == 2, "another process may be about to use it"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portraits, "YOUNG_S", -1.0)
        await bot.portraits.tidy()
    assert list(discord.world.emojis) == [emoji]
    assert await shown(discord) == first


async def test_a_picture_that_discord_does_not_take_delays_no_answer(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """The character answers with the picture it had, and it is not tried again at once."""
    ada = await stage.character("Ada", avatar_url="https://example.org/ada.png")
    discord.world.emojis |= {str(n): (f"other_{n}", b"") for n in range(2000)}
    await avatars.put(stage.log, operator(1), ada, picture(), ids.random_id())
    assert [await shown(discord) for _ in range(2)] == ["https://example.org/ada.png"] * 2
    tried = [e for e in discord.recorder.exchanges if e.method == "POST" and e.path.endswith("/emojis")]
    assert len(tried) == 1


async def test_emojis_of_others_are_left_alone(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """What the owner of the application made there is theirs."""
    discord.world.emojis[discord.world.ids.new()] = "party", b""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portraits, "YOUNG_S", -1.0)
        await bot.portraits.tidy()
    assert [name for name, _ in discord.world.emojis.values()] == ["party"]
