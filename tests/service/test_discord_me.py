"""`/me` and `/settings` on Discord: who one is for characters, what holds and who set it, and one's own key."""

from collections.abc import AsyncIterator

import pytest

from bot.discord.service import Service
from engine.config import Settings
from projections.models import keys
from tests.service.test_discord_resources import Person, seen
from tests.support import canaries
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig
from tests.support.discord.validate import load, spec_path

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


async def test_a_person_says_who_they_are_in_general_and_with_one_character(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """C3, C5, C7: by command and by form; each value with its tier; a change can be taken back; a key is sealed."""
    alice = Person(discord, "alice")
    assert "is changed" in await alice.says("me edit", field="name", value="Zoe")
    assert "no such time zone" in await alice.says("settings timezone", zone="Mars/Base")
    assert "Europe/Berlin" in await alice.suggested("settings timezone", "zone", "berlin")
    assert "is changed" in await alice.says("settings timezone", zone="Europe/Berlin")
    shown = await alice.press(await alice.run("me profile", character="lilith"), "Edit")
    assert "Your profile with Lilith" in seen(shown)["content"]
    opened = await alice.run("me edit", character="lilith", field="name")
    await alice.fill(opened, name="Captain")
    told = await alice.says("settings show", character="lilith")
    assert "Captain (set by you for this character, before what is set by you)" in told
    assert "Europe/Berlin (set by you)" in told, told
    assert "Zoe (set by you)" in await alice.says("settings show")
    assert "profile edited" in await alice.says("undo")
    assert "Captain" not in await alice.says("settings show", character="lilith")
    assert "no such character" in await alice.says("me edit", character="nobody")
    secret = f"sk-{canaries.fresh()}"
    opened = await alice.run("settings apikey")
    assert "That is no key" in (await alice.fill(opened, key="two words")).text
    assert "is kept, sealed" in (await alice.fill(await alice.run("settings apikey"), key=f" {secret}\n")).text
    await stage.settle()
    async with stage.log.pool.connection() as connection:
        [key] = await keys.browse(connection, alice.id)
        assert await keys.reveal(connection, stage.log.vault, key.key_id) == secret
    assert "ends in" in await alice.says("settings show")
    assert "Taken away" in await alice.says("settings apikey-remove")
    await stage.settle()
    assert "You have no key here" in await alice.says("settings apikey-remove")


async def test_a_person_is_who_they_choose_where_they_choose(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """C3: made, browsed, worn everywhere, in a server and for a character; what holds says which; another person's is nobody's to use."""
    alice, bob = Person(discord, "alice"), Person(discord, "bob")
    assert "yourself everywhere" in await alice.says("persona default")
    opened = await alice.run("persona create")
    assert "is there" in (await alice.fill(opened, name="Ahab", about="Hunts a whale.")).text
    await alice.fill(await alice.run("persona create"), name="Ishmael")
    assert "Ahab" in await alice.says("persona browse")
    assert "There is none yet" in await bob.says("persona browse")
    assert "no such persona" in await bob.says("persona default", persona="Ahab")
    assert "is changed" in await alice.says("persona edit", persona="Ahab", field="pronouns", value="he/him")
    assert "everywhere now" in await alice.says("persona default", persona="Ahab")
    assert "Nothing changed" in await alice.says("persona default", persona="Ahab")
    assert "in this server" in await alice.says("persona override", persona="Ishmael")
    assert "**Persona:** Ishmael (chosen by you for this server)" in await alice.says("settings show")
    assert "for **Lilith**" in await alice.says("persona override", persona="Ahab", character="lilith")
    told = await alice.says("settings show", character="lilith")
    assert "Ahab (chosen by you for this character)" in told
    assert "he/him (set by you for this character)" in told
    assert told.count("*not set*") == 2, "instructions and time zone alone"
    assert "no persona in this server any more" in await alice.says("persona override", clear=True)
    assert "persona chosen" in await alice.says("undo")
    where = await alice.says("persona default")
    assert all(part in where for part in ("**Ahab** everywhere", "**Ishmael** in this server", "**Ahab** for **Lilith**"))
    await alice.press(await alice.run("persona delete", persona="Ishmael"), "Delete Ishmael")
    await stage.settle()
    assert "Ahab (chosen by you with" in await alice.says("settings show")
