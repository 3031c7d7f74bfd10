"""R04, R42: what happened while the bot was away, or while Discord did not answer, is found: messages, edits and deletions."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.discord import backfill, ingest
from bot.discord.payload import Json
from engine.config import Settings
from engine.errors import KeyDestroyed
from engine.events.turn import TurnRequested
from engine.store import Appended
from projections.models import history
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.faults import Fault
from tests.support.discord.harness import Rig, rig

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(backfill, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(backfill, "LONGEST_PAUSE_S", 0.05)
    async with rig(settings, discord, lambda turn: f"answer to {turn.message_id}") as running:
        await running.character("Lilith")
        await running.character("Ada")
        yield running


def outage(discord: StandinDiscord, channel: str, times: int, status: int = 503) -> Fault:
    """Discord's REST refuses to tell what was said in a channel, so many times."""
    fault = Fault("GET", f"/channels/{discord.world.channel(channel).id}/messages", status=status, times=times, code=50013)
    discord.faults.append(fault)
    return fault


async def until(stage: Rig, kind: str, count: int) -> None:
    async with asyncio.timeout(20):
        while await stage.count(kind) < count:
            await asyncio.sleep(0.01)
    await stage.settle()


async def shown(stage: Rig, channel: str) -> list[str]:
    """What a prompt could show of a channel now."""
    await stage.settle()
    channel_id = int(stage.discord.world.channel(channel).id)
    async with stage.log.pool.connection() as connection:
        return [e.text for e in await history.recent(connection, stage.log.vault, channel_id, until=2**60, limit=100)]


async def test_a_channel_is_behind_until_it_was_read(stage: Rig, discord: StandinDiscord) -> None:
    """R42: many refusals at recovery, and talk that goes on meanwhile: every message is answered, in the order they were said."""
    async with stage.bot():
        await discord.wait_reply("general", await discord.say("general", "alice", "@Lilith hello"))
    await stage.settle()
    said = [await discord.say("general", "alice", f"@Lilith @Ada number {n}") for n in range(3)]
    fault = outage(discord, "general", 12)
    async with stage.bot():
        said.append(await discord.say("general", "alice", "@Lilith @Ada and now"))
        await until(stage, "turn.requested", 9)
    assert fault.hits == 12
    turns = [r.event async for r in stage.log.read() if isinstance(r.event, TurnRequested)]
    assert [str(t.message_id) for t in turns[1:]] == [message for message in said for _ in range(2)]
    assert [t.slot for t in turns[1:]] == [0, 1] * 4


async def test_one_channel_that_cannot_be_read_holds_up_no_other(stage: Rig, discord: StandinDiscord) -> None:
    """A channel that Discord does not let us read at all waits alone; the others go on."""
    async with stage.bot():
        for channel in ("general", "quiet"):
            await discord.wait_reply(channel, await discord.say(channel, "alice", "@Lilith hello"))
    await stage.settle()
    missed = await discord.say("general", "alice", "@Lilith are you there?")
    fault = outage(discord, "general", 1_000_000)
    async with stage.bot() as service:
        await discord.wait_reply("quiet", await discord.say("quiet", "alice", "@Lilith and you?"))
        assert list(service.ingest.behind) in ([int(discord.world.channel("general").id)], [])  # empty while it is being tried
        fault.times = 0
        await discord.wait_reply("general", missed)


@pytest.mark.parametrize("status", [403, 404])
async def test_a_channel_that_is_closed_to_us_is_asked_once(stage: Rig, discord: StandinDiscord, status: int) -> None:
    """A refusal is an end, counted; what is said there now is taken."""
    async with stage.bot():
        await discord.wait_reply("general", await discord.say("general", "alice", "@Lilith hello"))
    await stage.settle()
    fault = outage(discord, "general", 1_000_000, status)
    async with stage.bot() as service:
        await discord.wait_reply("general", await discord.say("general", "alice", "@Lilith and now?"))
        assert (service.ingest.counts.unreadable, fault.hits, service.ingest.behind) == (1, 1, {})


async def test_deletions_and_edits_made_while_offline_reach_the_prompt(stage: Rig, discord: StandinDiscord) -> None:
    """A9: what was deleted is gone, what was edited says what it says now, and a second restart changes nothing."""
    async with stage.bot():
        asked = [await discord.say("general", "alice", f"@Lilith secret {n}") for n in range(3)]
        await discord.wait_for(lambda: len(discord.replies("general")) == 3 or None, what="answers")
    await stage.settle()
    replies = [m["id"] for m in discord.replies("general")]
    for message_id in (asked[0], replies[2]):
        await discord.delete("general", message_id)
    await discord.edit("general", asked[1], "@Lilith what I meant")
    async with stage.bot():
        await until(stage, "message.deleted", 2)
        await until(stage, "message.edited", 1)
    texts = await shown(stage, "general")
    assert "@Lilith secret 0" not in texts
    assert "@Lilith what I meant" in texts
    assert "@Lilith secret 2" in texts
    assert len(texts) == 4
    before = await stage.types("message")
    async with stage.bot() as service:
        await discord.wait_for(lambda: not service.ingest.behind or None, what="the catch-up")
        await discord.wait_reply("quiet", await discord.say("quiet", "alice", "@Lilith hello"))
    assert await stage.types("message") == [*before, "message.received"]


async def test_deletions_are_found_behind_much_other_talk(stage: Rig, discord: StandinDiscord) -> None:
    """The message is far above the newest page: it is looked for where it was."""
    async with stage.bot():
        asked = await discord.say("general", "alice", "@Lilith secret")
        await discord.wait_reply("general", asked)
    await stage.settle()
    await discord.delete("general", asked)
    for number in range(120):
        await discord.say("general", "bob", f"idle talk {number}")
    async with stage.bot():
        await until(stage, "message.deleted", 1)
    assert "@Lilith secret" not in await shown(stage, "general")


async def test_an_empty_page_deletes_nothing_by_itself(stage: Rig, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the right to read the past Discord may answer an empty list: nobody deleted anything."""

    async def nothing(*_: object) -> list[Json]:
        return []

    async with stage.bot() as service:
        asked = await discord.say("general", "alice", "@Lilith secret")
        await discord.wait_reply("general", asked)
        await until(stage, "reply.delivered", 1)
        monkeypatch.setattr(service.backfill, "_page", nothing)
        service.ingest.away(int(discord.world.channel("general").id))
        await service.backfill.run()
        assert service.ingest.behind == {}
    assert await stage.count("message.deleted") == 0
    assert "@Lilith secret" in await shown(stage, "general")


async def test_edits_and_deletions_find_room_when_messages_find_none(
    stage: Rig, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full buffer their ids are noted; nothing deleted is left in a prompt, and no edit is missed."""
    async with stage.bot() as service:
        asked = [await discord.say("general", "alice", f"@Lilith secret {n}") for n in range(2)]
        await discord.wait_for(lambda: len(discord.replies("general")) == 2 or None, what="answers")
        await stage.settle()
        monkeypatch.setattr(ingest, "BUFFER", 0)
        await discord.delete("general", asked[0])
        await discord.edit("general", asked[1], "@Lilith what I meant")
        await until(stage, "message.deleted", 1)
        await until(stage, "message.edited", 1)
        assert service.ingest.counts.deferred == 2
    texts = await shown(stage, "general")
    assert "@Lilith secret 0" not in texts
    assert "@Lilith what I meant" in texts


async def test_a_message_deleted_while_it_waited_is_never_stored(
    stage: Rig, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message stands in the queue, its deletion finds no room: nothing of it reaches the log, and nobody answers."""
    async with stage.bot() as service:
        service.ingest.gate.clear()
        monkeypatch.setattr(ingest, "BUFFER", 1)
        asked = await discord.say("general", "alice", "@Lilith secret")
        await discord.delete("general", asked)
        await discord.wait_for(lambda: service.ingest.counts.deferred or None, what="the deletion")
        service.ingest.gate.set()
        await discord.wait_for(lambda: service.ingest.counts.ignored or None, what="the message")
        monkeypatch.setattr(ingest, "BUFFER", 1000)
        await discord.wait_reply("general", await discord.say("general", "alice", "@Lilith hello"))
    assert await stage.count("message") == 1


async def test_an_older_edit_does_not_replace_a_newer_one(stage: Rig, discord: StandinDiscord) -> None:
    """Edits may be found in any order: what stands is the latest."""
    async with stage.bot() as service:
        asked = await discord.say("general", "alice", "@Lilith hello")
        await discord.wait_reply("general", asked)
        payload = dict(discord.world.channel("general").messages[asked])
        for second, text in ((9, "latest"), (3, "older")):
            service.ingest.message_update(payload | {"content": text, "edited_timestamp": f"2030-01-01T00:00:0{second}+00:00"})
        await discord.wait_reply("general", await discord.say("general", "alice", "@Lilith again"))
    assert "latest" in await shown(stage, "general")
    assert await stage.count("message.edited") == 1


async def test_a_message_whose_authors_key_was_destroyed_is_counted_with_the_reason(
    stage: Rig, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is swallowed without a word: health counts it, the log names the reason, and neither quotes anybody."""

    async def refuse(*_: object, **__: object) -> Appended:
        raise KeyDestroyed("user:1")

    async with stage.bot() as service:
        with monkeypatch.context() as patched:
            patched.setattr(service.log, "append", refuse)
            await discord.say("general", "alice", "@Lilith secret")
            await discord.wait_for(lambda: service.ingest.counts.refused or None, what="the refusal")
        await discord.wait_reply("general", await discord.say("general", "alice", "@Lilith hello"))
    out = capsys.readouterr().out
    assert "the author's key was destroyed" in out
    assert "secret" not in out


async def test_a_message_of_a_day_to_come_ends_no_catching_up(stage: Rig, discord: StandinDiscord) -> None:
    """Which no Discord sends: it is left out and counted, live and afterwards, and what is missed later is found all the same."""
    beyond = datetime(2080, 1, 1, tzinfo=UTC)
    async with stage.bot() as service:
        await discord.say("general", "bob", "@Lilith I come from the future", at=beyond)
        await discord.wait_reply("general", await discord.say("general", "alice", "@Lilith hello"))
        assert service.ingest.counts.failed == 1
    await stage.settle()
    await discord.say("general", "bob", "@Lilith and so do I", at=beyond)
    missed = await discord.say("general", "alice", "@Lilith are you there?")
    async with stage.bot():
        await discord.wait_reply("general", missed)
        await discord.wait_reply("general", await discord.say("general", "alice", "@Lilith and now?"))
    assert [text for text in await shown(stage, "general") if "future" in text or "so do I" in text] == []
