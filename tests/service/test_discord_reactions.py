"""Reactions on Discord: every one an event, each act for those who may, once (E1, E2, E4)."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from engine import ids
from engine.actor import person
from engine.config import Settings
from engine.decide.reacting.mapping import MapReactions
from engine.execute import execute
from projections.models import deliveries, history, turns
from projections.models.reacting import reactions
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.errors import Json
from tests.support.discord.harness import Rig, ended, rig
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
        yield running


def last(discord: StandinDiscord) -> Json:
    """The newest message of a character."""
    return discord.replies("general")[-1]


async def until(discord: StandinDiscord, *texts: str) -> None:
    def shown() -> list[str]:
        return [message["content"] for message in discord.replies("general")]

    await discord.wait_for(lambda: shown() == list(texts), what=f"{texts}, and not {shown()}")


async def quiet(stage: Rig) -> None:
    """Wait until no turn is under way and all that is due was shown."""
    async with asyncio.timeout(30):
        while True:
            await stage.settle()
            async with stage.log.pool.connection() as connection:
                if not await turns.pending(connection) and not await deliveries.unfinished(connection, venue="discord"):
                    return
            await asyncio.sleep(0.02)


async def counted(stage: Rig, kind: str, number: int) -> None:
    """Wait until so many events of a kind are in the log."""
    async with asyncio.timeout(40):
        while await stage.count(kind) < number:
            await asyncio.sleep(0.1)
    assert await stage.count(kind) == number


async def test_each_act_is_done_by_its_emoji_also_on_a_message_from_before_the_start(stage: Rig, discord: StandinDiscord) -> None:
    """E1, E2: regenerate, rate, go on, look inside, delete; a reaction taken back takes a rating back."""
    lilith = await stage.character("Lilith")
    async with stage.bot():
        await discord.say("general", "alice", "@Lilith hello")
        await until(discord, "answer 0")
    async with stage.bot() as service:
        first = last(discord)["id"]
        await discord.react("general", "alice", first, "👎🏽")
        await until(discord, "answer 1")
        await stage.settle()
        await discord.react("general", "alice", first, "❤️")
        await counted(stage, "reply.rated", 1)
        await stage.settle()
        async with stage.log.pool.connection() as connection:
            [rated] = await reactions.counts(connection)
        assert (rated.character, rated.good, rated.bad, rated.model) == (lilith, 1, 0, "m")
        await discord.react("general", "alice", first, "❤️", added=False)
        await counted(stage, "reply.rated", 2)
        await stage.settle()
        async with stage.log.pool.connection() as connection:
            assert await reactions.counts(connection) == []
        await discord.react("general", "alice", first, "📌")
        await counted(stage, "memory.locked", 1)
        assert await stage.count("memory.noted") == 1
        await discord.react("general", "alice", first, "➡️")
        await until(discord, "answer 1", "answer 2")
        await discord.react("general", "alice", last(discord)["id"], "❌")
        await until(discord, "answer 1")
        await discord.react("general", "alice", first, "🔍")
        await discord.wait_for(
            lambda: any("Model: m" in m["content"] for m in discord.replies(discord.dm("alice"))), what="a look inside, in a DM"
        )
        await discord.react("general", "alice", first, "❌")
        await until(discord)
        assert service.reactions.refused == 0
    assert (await stage.types("reaction.")).count("reaction.added") == 7


async def test_a_reaction_told_twice_or_by_a_stranger_or_by_ourselves_does_nothing(stage: Rig, discord: StandinDiscord) -> None:
    """E2: duplicates are one event; who may not has no effect; our own never count; on messages that are not in the log none is kept."""
    await stage.character("Lilith")
    async with stage.bot() as service:
        asked = await discord.say("general", "alice", "@Lilith hello")
        unheard = await discord.say("general", "alice", "hello, anybody")
        await until(discord, "answer 0")
        reply = last(discord)["id"]
        await discord.react("general", "bob", reply, "👎")
        await discord.react("general", "bob", reply, "❌")
        await discord.react("general", "bob", unheard, "👎")
        await discord.react("general", "alice", asked, "👎")
        await counted(stage, "reaction.added", 3)
        event = {"user_id": discord.world.person("alice").id, "channel_id": last(discord)["channel_id"], "message_id": reply}
        event |= {"guild_id": discord.world.channel("general").guild_id, "emoji": {"id": None, "name": "👎"}, "burst": True}
        for _ in range(3):
            service.reactions.add(event)
        service.reactions.add(event | {"user_id": str(service.us.user_id)})
        await until(discord, "answer 1")
        service.reactions.clear(event)
        await counted(stage, "reaction.cleared", 1)
        assert service.reactions.refused == 2
    assert await stage.types("reply.regenerated", "reaction.") == [
        *["reaction.added"] * 3,
        "reaction.added",
        "reply.regenerated",
        "reaction.cleared",
    ]


async def test_reactions_made_while_the_bot_was_away_are_found_and_done(stage: Rig, discord: StandinDiscord) -> None:
    """E2: given and taken back meanwhile, by several people; what was known already is not told twice; nothing is done a second time."""
    await stage.character("Lilith")
    async with stage.bot():
        said = await discord.say("general", "alice", "@Lilith hello")
        await until(discord, "answer 0")
        first = last(discord)["id"]
        await discord.react("general", "alice", first, "❤️")
        await discord.react("general", "bob", first, "❤️")
        await counted(stage, "reply.rated", 1)
        await counted(stage, "reaction.added", 2)
    await quiet(stage)
    await discord.react("general", "alice", first, "❤️", added=False)
    await discord.react("general", "alice", first, "👎")
    await discord.react("general", "bob", said, "more:77")
    async with stage.bot():
        await until(discord, "answer 1")
        await counted(stage, "reaction.added", 4)
        await counted(stage, "reaction.removed", 1)
        await counted(stage, "reply.regenerated", 1)
        await counted(stage, "reply.rated", 2)
        await quiet(stage)
    async with stage.bot() as service:
        await discord.wait_for(lambda: not service.ingest.behind or None, what="the catch-up")
        await discord.wait_reply("quiet", await discord.say("quiet", "alice", "@Lilith hello"))
    assert (await stage.types("reaction.", "reply.regenerated")).count("reply.regenerated") == 1
    assert len(await stage.types("reaction.")) == 5


async def test_servers_and_characters_say_which_emoji_does_what(stage: Rig, discord: StandinDiscord) -> None:
    """E1: custom emojis too; what a server says counts more than what the character's owner says, and both more than the defaults."""
    lilith = await stage.character("Lilith", owner=7)
    guild = int(discord.world.channel("general").guild_id or 0)
    owner, manager = person(7), person(8, permissions=frozenset({"manage_guild"}))
    await execute(stage.log, owner, MapReactions(None, lilith, {"regenerate": "🔁", "delete": "off"}), ids.random_id())
    await execute(stage.log, manager, MapReactions(guild, None, {"go_on": "<:more:77>"}), ids.random_id())
    async with stage.bot():
        await discord.say("general", "alice", "@Lilith hello")
        await until(discord, "answer 0")
        reply = last(discord)["id"]
        for emoji in ("👎", "❌", "➡️"):
            await discord.react("general", "alice", reply, emoji)
        await discord.react("general", "alice", reply, "🔁")
        await until(discord, "answer 1")
        await discord.react("general", "alice", reply, "more:77")
        await until(discord, "answer 1", "answer 2")
    assert await stage.count("reply.regenerated") == 1


async def test_a_storm_of_reactions_asks_once_and_restarts_leave_one_version(stage: Rig, discord: StandinDiscord) -> None:
    """R30, E3: of a storm one regeneration comes; after random reactions and restarts the channel and the history show the same one."""
    await stage.character("Lilith")
    chance = random.Random(30)
    async with stage.bot() as service:
        await discord.say("general", "alice", "@Lilith hello")
        await until(discord, "answer 0")
        await stage.settle()
        reply = last(discord)["id"]
        held, stage.write = stage.write, lambda turn: None
        storm = [("alice", "👎")] + [(f"person{n}", emoji) for n in range(10) for emoji in ("👎", "❌", "➡️")]
        chance.shuffle(storm)
        async with asyncio.TaskGroup() as all_at_once:
            for user, emoji in storm:
                all_at_once.create_task(discord.react("general", user, reply, emoji))
        await counted(stage, "reaction.added", len(set(storm)))
        assert (await stage.types("reply.regenerated", "reply.deleted", "reply.continued")) == ["reply.regenerated"]
        assert service.reactions.lost == 0
        [waiting] = [one for one in stage.requested if one.epoch == 1]
        stage.write = held
        await stage.log.append(ended(waiting, "answer 1"))
        await until(discord, "answer 1")
    async with stage.bot():
        for nth, emoji in enumerate(chance.sample(["👎", "➡️", "❤️"], 3), 1):
            await stage.settle()
            await discord.react("general", "alice", last(discord)["id"], emoji, added=False)
            await discord.react("general", "alice", last(discord)["id"], emoji)
            await counted(stage, "reaction.added", len(set(storm)) + nth)
            await quiet(stage)
        texts = [message["content"] for message in discord.replies("general")]
    async with stage.log.pool.connection() as connection:
        told = await history.recent(connection, stage.log.vault, int(discord.world.channel("general").id), until=await stage.log.head())
    assert [entry.text for entry in told if entry.kind == "reply"] == texts
