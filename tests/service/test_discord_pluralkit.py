"""People who speak through PluralKit: original and copy are one message, under the member's name (A13)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.discord import pluralkit
from engine.config import Settings
from engine.events.message import MessageDeleted, MessageEdited, MessageReceived
from engine.store import Query
from projections.models import history
from projections.models.history import Entry
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig
from tests.support.pluralkit import PluralKitStandin

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running


@pytest.fixture
async def kit(discord: StandinDiscord) -> AsyncIterator[PluralKitStandin]:
    async with PluralKitStandin.start(discord) as running:
        yield running


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord, kit: PluralKitStandin) -> AsyncIterator[Rig]:
    own = settings.model_copy(update={"pluralkit_api": kit.address})
    async with rig(own, discord, lambda turn: f"answer to {turn.message_id}") as running:
        await running.character("Lilith")
        async with running.bot():
            yield running


async def seen(stage: Rig, kind: type[object], count: int) -> None:
    """Until the log has so many events of a kind, and the read models too."""
    async with asyncio.timeout(10):
        while sum([isinstance(one.event, kind) async for one in stage.log.read(Query())]) < count:
            await asyncio.sleep(0.02)
    await stage.settle()


async def entry(stage: Rig, message: str) -> Entry | None:
    async with stage.log.pool.connection() as connection:
        return await history.by_message(connection, stage.log.vault, int(message))


async def test_original_and_copy_are_one_message_answered_once(stage: Rig, discord: StandinDiscord, kit: PluralKitStandin) -> None:
    """It has the member's words and name and the person's id; PluralKit's deletion is no unsaying, that of the copy is one."""
    kit.down = True
    original = await discord.say("general", "alice", "M: @Lilith hello")
    copy = await kit.proxies("general", original, "Moss", "@Lilith hello")
    [reply] = await discord.wait_reply("general", original)
    await seen(stage, MessageEdited, 1)
    found = await entry(stage, original)
    assert found is not None
    assert (found.text, found.author_name, str(found.author_id)) == ("@Lilith hello", "Moss", discord.user_id("alice"))
    assert reply["content"] == f"answer to {original}"
    assert [str(turn.message_id) for turn in stage.requested] == [original]
    assert kit.asked == []
    later = await discord.say("general", "bob", "@Lilith and I?")
    await discord.wait_reply("general", later)
    assert sum([isinstance(one.event, MessageDeleted) async for one in stage.log.read(Query())]) == 0
    await discord.gateway.dispatch("MESSAGE_DELETE", {"id": copy, "channel_id": discord.world.channel("general").id})
    await seen(stage, MessageDeleted, 1)
    async with stage.log.pool.connection() as connection:
        assert await history.is_gone(connection, int(original))


async def test_a_copy_whose_original_nobody_kept_is_what_the_person_said(
    stage: Rig, discord: StandinDiscord, kit: PluralKitStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PluralKit is asked whose it is, and again while it does not answer; one that is deleted meanwhile or of which it knows nothing

    is answered by nobody.
    """
    monkeypatch.setattr(pluralkit, "AGAIN_S", (0.05,) * 1200)
    monkeypatch.setattr(pluralkit, "QUIET_S", 0.0)
    alice = discord.user_id("alice")
    copy = await kit.proxies("general", "1", "Moss", "@Lilith are you there?", sender=alice)
    [turn] = await discord.wait_for(lambda: list(stage.requested), what="a turn")
    assert (str(turn.message_id), str(turn.user_id)) == (copy, alice)
    await discord.wait_reply("general", copy)
    assert kit.asked == [copy]
    kit.down = True
    held = await kit.proxies("general", "2", "Moss", "@Lilith and now?", sender=alice)
    gone = await kit.proxies("general", "3", "Moss", "@Lilith never mind", sender=alice)
    await discord.wait_for(lambda: kit.asked.count(held) > 1 and kit.asked.count(gone) > 1, what="questions")
    await discord.gateway.dispatch("MESSAGE_DELETE", {"id": gone, "channel_id": discord.world.channel("general").id})
    later = await discord.say("general", "bob", "@Lilith hi")
    await discord.wait_reply("general", later)  # nobody waits for PluralKit but who speaks through it
    assert [str(turn.message_id) for turn in stage.requested] == [copy, later]
    kit.down = False
    await discord.wait_for(lambda: len(stage.requested) == 3, what="the turn that waited")
    received = [one.event async for one in stage.log.read(Query()) if isinstance(one.event, MessageReceived)]
    assert [(one.author_name, one.author_kind) for one in received] == [("Moss", "human"), ("Bob", "human"), ("Moss", "human")]
    kit.down = True
    asked = len(kit.asked)
    left = await kit.proxies("general", "4", "Moss", "@Lilith bye", sender=alice)
    await discord.wait_for(lambda: len(kit.asked) > asked, what="a question")
    assert left not in {str(turn.message_id) for turn in stage.requested}  # the bot ends now, and waits for nothing


async def test_what_was_said_through_pluralkit_while_nobody_listened_is_answered(
    settings: Settings, discord: StandinDiscord, kit: PluralKitStandin
) -> None:
    """Of it only the copy is left in the channel: it is the person's, and answered like any other message that was missed."""
    own = settings.model_copy(update={"pluralkit_api": kit.address})
    async with rig(own, discord, lambda turn: f"answer to {turn.message_id}") as stage:
        await stage.character("Lilith")
        async with stage.bot():
            await discord.wait_reply("general", await discord.say("general", "bob", "@Lilith hello"))
        await stage.settle()
        original = await discord.say("general", "alice", "M: @Lilith are you there?")
        copy = await kit.proxies("general", original, "Moss", "@Lilith are you there?", listed=True)
        async with stage.bot():
            await discord.wait_for(lambda: len(stage.requested) == 2, what="the turn that was missed")
            await discord.wait_for(lambda: len(discord.replies("general")) == 3, what="its answer, beside the copy")
        assert [str(turn.user_id) for turn in stage.requested][1:] == [discord.user_id("alice")]
        found = await entry(stage, copy)
        assert found is not None
        assert (found.author_name, found.author_kind) == ("Moss", "human")
