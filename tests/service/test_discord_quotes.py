"""Links, forwards and replies to what is not known here are read as whoever points there may read them (A8)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine import clock, ids
from engine.actor import operator
from engine.config import Settings
from engine.decide.channel import Where
from engine.decide.speaking.scene import Mark
from engine.events.message import MessageQuoted
from engine.execute import execute
from engine.store import Query
from projections.models.history_window import message as line_of
from projections.prompt.section import Scene, Snapshot
from projections.prompt.sections import history
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
    async with rig(settings, discord, lambda turn: None) as running:
        yield running


async def prompt(stage: Rig, number: int) -> str:
    """What the history says in the prompt of the numbered turn."""
    await stage.discord.wait_for(lambda: len(stage.requested) > number, what=f"turn {number}")
    turn = stage.requested[number]
    await stage.settle()
    async with stage.log.pool.connection() as connection:
        assert await line_of(connection, turn.message_id) is not None
        snapshot = Snapshot(
            connection, turn.turn_id, turn.channel_id, turn.character_id, turn.message_id, {}, 50, guild=turn.guild_id, user=turn.user_id
        )
        chosen = await history.select(snapshot)
    data = await history.load(stage.log, chosen, await stage.log.head())
    pieces = history.render(data, Scene(turn.character_id, "discord", ids.snowflake_time(turn.message_id)), history.VERSION)
    return "\n".join(piece.message.content for piece in pieces)


async def until(stage: Rig, kind: str, count: int) -> None:
    deadline = clock.monotonic() + 60
    while await stage.count(kind) < count:
        assert clock.monotonic() < deadline, f"{count} of {kind} did not come"
        await asyncio.sleep(0.02)


async def quoted(stage: Rig) -> list[MessageQuoted]:
    found = [row.event async for row in stage.log.read(Query(types=frozenset({"message.quoted"})))]
    return [event for event in found if isinstance(event, MessageQuoted)]


async def test_what_a_message_points_to_is_read_with_the_right_of_whoever_points(stage: Rig, discord: StandinDiscord) -> None:
    """From link to link; not what is hidden from the asker, though the bot sees it; for answers to the asker alone; with its later text;

    not where the character was absent; gone when deleted.
    """
    lilith = await stage.character("Lilith")
    world = discord.world
    den, crypt = discord.add_channel("den"), discord.add_channel("crypt")
    bob = discord.user_id("bob")
    world.channels[crypt].hidden_from.add(bob)
    buried = await discord.say("crypt", "alice", "the crypt holds SAPPHIRE")
    url = f"https://discord.com/channels/{world.guild.id}"
    first = await discord.say("den", "carol", f"the den holds EMERALD, see {url}/{crypt}/{buried}")
    async with stage.bot():
        await discord.say("general", "bob", f"@Lilith what is meant by {url}/{den}/{first} ?")
        asked = await prompt(stage, 0)
        assert 'kind="linked message" name="Carol in #den' in asked
        assert "EMERALD" in asked
        assert "SAPPHIRE" not in asked
        await discord.say("general", "alice", f"@Lilith and by {url}/{den}/{first} ?")
        assert "SAPPHIRE" in await prompt(stage, 1)
        await discord.say("general", "dave", "@Lilith and what did they link to?")
        others = await prompt(stage, 2)
        assert "EMERALD" not in others
        assert "SAPPHIRE" not in others
        quotes = await quoted(stage)
        assert [(one.depth, one.quoted_id) for one in quotes] == [(0, int(first)), (0, int(first)), (1, int(buried))]
        assert all(f"user:{one.quoted_author_id}" in one.subjects for one in quotes)
        await discord.edit("den", first, "the den holds RUBY now")
        await until(stage, "message.edited", 1)
        await discord.say("general", "bob", "@Lilith what does it say by now?")
        said = await prompt(stage, 3)
        assert "RUBY" in said
        assert "EMERALD" not in said
        place = Where(int(den), int(world.guild.id), "discord")
        away = Mark(place, lilith, int(first), present=False)
        await execute(stage.log, operator(1), away, ids.random_id())
        await discord.say("general", "bob", "@Lilith and what when you were not there?")
        assert "RUBY" not in await prompt(stage, 4)
        there = Mark(place, lilith, int(first), present=True)
        await execute(stage.log, operator(1), there, ids.random_id())
        await discord.say("general", "bob", "@Lilith and when you were?")
        assert "RUBY" in await prompt(stage, 5)
        await discord.delete("den", first)
        await until(stage, "message.deleted", 1)
        await discord.say("general", "bob", "@Lilith again, please")
        assert "RUBY" not in await prompt(stage, 6)


async def test_a_forward_says_where_it_comes_from_only_to_who_may_look_there(stage: Rig, discord: StandinDiscord) -> None:
    """Its text and mark are always there; name and place need the forwarder's own right. A reply to something from before is quoted."""
    await stage.character("Lilith")
    crypt = discord.add_channel("crypt")
    discord.world.channels[crypt].hidden_from.add(discord.user_id("bob"))
    before = await discord.say("general", "carol", "said before anybody listened: TOPAZ")
    origin = await discord.say("crypt", "alice", "SAPPHIRE")
    snapshot = {"message": discord.world.message(crypt, origin)}
    forwarded = {
        "message_reference": {"type": 1, "guild_id": discord.world.guild.id, "channel_id": crypt, "message_id": origin},
        "message_snapshots": [snapshot],
    }
    async with stage.bot():
        for number, who in enumerate(("bob", "alice")):
            await discord.say("general", who, "@Lilith look", extra=forwarded)
            said = await prompt(stage, number)
            assert "<forwarded>\nSAPPHIRE" in said
            assert ("Alice in #crypt" in said) is (who == "alice")
        await discord.say("general", "bob", "@Lilith and this?", reply_to=before)
        assert 'kind="message it replies to" name="Carol, ' in (said := await prompt(stage, 2))
        assert "TOPAZ" in said
