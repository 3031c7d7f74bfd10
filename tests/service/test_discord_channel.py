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
    assert '"Most answers to a message" goes from 1 to 10' in await boss.says("channel edit", field="most", value="11")
    asked = await discord.say("general", "bob", "and now?")
    await discord.wait_reply("general", asked)
    assert [str(turn.message_id) for turn in stage.requested] == [asked]
    discord.world.channel("general").denied.add("MANAGE_WEBHOOKS")
    told = await bob.says("channel explain")
    assert told.startswith("⚠️ I lack Manage Webhooks here")
    assert "**Lilith** (`@lilith`) is activated here" in told
    assert "Who speaks: pooled" in told


async def test_moderators_close_a_server_and_keep_people_out_of_it(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """H1, H3, H8: what is refused is told to the person alone and names the permission; each change can be taken back."""
    boss, bob, alice = Person(discord, "boss"), Person(discord, "bob"), Person(discord, "alice")
    for name in ("bob", "alice"):
        discord.world.person(name).permissions = TALK
    assert "Moderate Members" in await bob.says("deny add", person=alice.id)
    assert "bot's owners" in await bob.says("deny add", person=alice.id, where="everywhere")
    assert "Manage Server" in await bob.says("server edit", field="speech", value="closed")
    done = await boss.run("deny add", person=bob.id, mode="mute", reason="spam")
    assert "is not answered in this server any more (mute)" in done.text
    await discord.say("general", "bob", "@Lilith hello")
    listed = await boss.says("deny list")
    assert "spam" in listed
    assert "(mute)" in listed
    assert "Nobody you may see" in await bob.says("deny list")
    assert "deny list" in await bob.says("channel explain")
    assert "Nothing changed" in await boss.says("deny add", person=bob.id, mode="mute", reason="spam")
    assert "Taken back" in (await boss.press(done, "Undo")).text
    shown = await boss.press(await boss.run("server show"), "Edit")
    shown = await boss.press(shown, "Characters", ["closed"])
    assert "Changed: Characters" in seen(shown)["content"]
    await discord.say("general", "alice", "@Lilith hello")
    assert "for the whole server" in await alice.says("channel explain")
    assert "is changed" in await boss.says("server edit", field="exempt", value=str(alice.id))
    assert "exempt: they are answered when they call" in await bob.says("channel explain")
    await discord.say("general", "bob", "@Lilith I am not")
    exempt = await discord.say("general", "alice", "@Lilith but I am")
    await discord.wait_reply("general", exempt)
    assert "Changed: Characters" in seen(await boss.press(shown, "Characters", ["called"]))["content"]
    asked = await discord.say("general", "bob", "@Lilith and now?")
    await discord.wait_reply("general", asked)
    assert [str(turn.message_id) for turn in stage.requested] == [exempt, asked]
    assert "server edited" in await boss.says("undo")


async def test_the_first_answer_says_that_it_is_an_ai_and_a_denied_server_is_left(settings: Settings, discord: StandinDiscord) -> None:
    """H7, H2: once per person and server; who is too fast and who was left out are told; nothing of it enters a prompt."""

    def said(part: str) -> list[str]:
        return [m["content"] for m in discord.messages("general") if part in m["content"] and m["author"]["id"] == discord.world.bot.id]

    owners = settings.model_copy(update={"owner_ids": (int(discord.user_id("boss")),)})
    async with rig(owners, discord, lambda turn: f"answer to {turn.message_id}", disclosure=True) as stage:
        for name in ("Lilith", "Wren"):
            await stage.character(name)
        async with stage.bot():
            boss = Person(discord, "boss")
            await boss.says("channel edit", field="most", value="1")
            for text in ("@Lilith hello", "@Lilith @Wren again"):
                await discord.wait_reply("general", await discord.say("general", "bob", text))
            await discord.wait_for(lambda: said("Left out: Wren"), what="who was left out")
            assert len(said("An AI answers here")) == 1
            await boss.says("server edit", field="per_minute", value="1")
            for text in ("@Lilith one", "@Lilith I want to die", "@Lilith three"):
                await discord.say("general", "bob", text)
            await discord.wait_for(lambda: said("Your own limit"), what="the limit")
            await discord.wait_for(lambda: said("people to talk to"), what="where help is")
            assert len(said("Your own limit")) == 1
            assert await stage.count("server.referred") == 1
            guild = discord.world.guild.id
            assert "owners" in await Person(discord, "bob").says("admin server-deny", server=guild)
            assert "not served any more" in await boss.says("admin server-deny", server=guild)
            requested = len(stage.requested)
            await discord.say("general", "bob", "@Lilith still there?")
            await discord.wait_for(lambda: guild in discord.world.left, 10.0, "leaving")
            assert len(stage.requested) == requested
