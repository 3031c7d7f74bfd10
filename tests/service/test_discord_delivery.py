"""Answers reach Discord exactly once whatever Discord, the network or the process does in between (A15, R03, R28)."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise, product

import pytest

from bot.delivery import showing as delivery
from engine.config import Settings
from engine.events.reply import ChunkDelivered, DeliveryFailed
from engine.events.turn import TurnRequested
from engine.failpoints import Injected
from engine.store import Query
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, ended, rig
from tests.support.discord.validate import load, spec_path

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
LONG = "\n\n".join(f"Part {n}. " + "word " * 300 for n in range(3))


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    path = spec_path()
    async with StandinDiscord.start(spec=load(path) if path else None) as running:
        yield running
        assert running.recorder.pings == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    async with rig(settings, discord, lambda turn: f"answer to {turn.message_id}") as running:
        await running.character("Lilith")
        yield running


async def until(stage: Rig, kind: str, count: int = 1) -> None:
    """Until so many events of a type are in the log and in the read models."""
    async with asyncio.timeout(30):
        while await stage.count(kind) < count:
            await asyncio.sleep(0.01)
    await stage.settle()


async def delivered(stage: Rig) -> list[ChunkDelivered]:
    found = [r.event async for r in stage.log.read(Query(types=frozenset({"reply.chunk_delivered"})))]
    return [e for e in found if isinstance(e, ChunkDelivered)]


async def failures(stage: Rig) -> list[DeliveryFailed]:
    found = [r.event async for r in stage.log.read(Query(types=frozenset({"reply.failed"})))]
    return [e for e in found if isinstance(e, DeliveryFailed)]


async def test_a_bot_that_dies_around_a_post_delivers_once(stage: Rig, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch) -> None:
    """R03: after a restart the channel is looked at; what stands there is adopted, only the rest is sent. Each time in the same system."""
    armed: list[str] = []

    def die(name: str) -> None:
        if name in armed:
            armed.remove(name)
            raise Injected(name)

    monkeypatch.setattr(delivery, "failpoint", die)
    ways = product(("deliver.before_post", "deliver.after_post"), ("general", discord.dm("alice")), ("short", LONG))
    for count, (point, channel, text) in enumerate(ways, 1):
        stage.write = partial(_written, text)
        armed.append(point)
        told = len(await delivered(stage))
        async with stage.bot():
            asked = await discord.say(channel, "alice", "@Lilith hello")
            await until(stage, "reply.intended", count)
            await discord.wait_for(lambda: not armed, what="the failpoint")
        before = len(discord.replies(channel, asked))
        async with stage.bot() as service:
            await service.deliver.sweep()
            await until(stage, "reply.delivered", count)
        posted = discord.replies(channel, asked)
        assert "".join("".join(m["content"] for m in posted).replace("**Lilith:** ", "").split()) == "".join(text.split())
        chunks = (await delivered(stage))[told:]
        assert [c.message_id for c in chunks] == [int(m["id"]) for m in posted]
        assert sum(c.adopted for c in chunks) == before == (point == "deliver.after_post"), (point, channel, text[:5])


def _written(text: str, _: TurnRequested) -> str:
    return text


async def test_an_answer_is_posted_once_whatever_discord_says_to_the_post(stage: Rig, discord: StandinDiscord) -> None:
    """Accepted, but the word of it is lost: found. 5xx: looked for, not found, posted; also when another turn said the same before."""
    async with stage.bot():
        fault = discord.fault(method="POST", path="/webhooks/", drop=True)
        await discord.say("general", "alice", "@Lilith hello")
        await until(stage, "reply.delivered")
        assert fault.hits == 1
        assert len(discord.replies("general")) == 1
        assert [c.adopted for c in await delivered(stage)] == [True]
        discord.fault(method="POST", path="/webhooks/", status=503)
        await discord.say("general", "alice", "@Lilith hello")
        await until(stage, "reply.delivered", 2)
        assert len(discord.replies("general")) == 2
        stage.write = partial(_written, "the same")
        await discord.say("general", "alice", "@Lilith one")
        await until(stage, "reply.delivered", 3)
        discord.fault(method="POST", path="/webhooks/", status=502)
        await discord.say("general", "alice", "@Lilith two")
        await until(stage, "reply.delivered", 4)
    assert [m["content"] for m in discord.replies("general")][2:] == ["the same", "the same"]


async def test_a_rate_limit_is_waited_for(stage: Rig, discord: StandinDiscord) -> None:
    """R28: as long as Discord says, then once; whatever its scope."""
    async with stage.bot():
        for count, scope in enumerate(("user", "global", "shared"), 1):
            fault = discord.fault(method="POST", path="/webhooks/", status=429, retry_after=0.3, scope=scope, times=2)
            before = len(discord.recorder.of("POST", "/webhooks/{webhook_id}/{webhook_token}"))
            await discord.say("general", "alice", "@Lilith hello")
            await until(stage, "reply.delivered", count)
            posts = discord.recorder.of("POST", "/webhooks/{webhook_id}/{webhook_token}")[before:]
            assert [p.status for p in posts] == [429, 429, 200], scope
            assert all(later.at - earlier.at >= 0.29 for earlier, later in pairwise(posts)), scope
            assert fault.hits == 2


async def test_a_deleted_webhook_is_made_anew_once(stage: Rig, discord: StandinDiscord) -> None:
    """R28: 404, a new webhook, and no second 404."""
    async with stage.bot():
        await discord.say("general", "alice", "@Lilith one")
        await until(stage, "reply.delivered")
        discord.world.webhooks.clear()
        stage.write = lambda turn: LONG
        await discord.say("general", "alice", "@Lilith two")
        await until(stage, "reply.delivered", 2)
    statuses = [p.status for p in discord.recorder.of("POST", "/webhooks/{webhook_id}/{webhook_token}")]
    assert statuses.count(404) == 1
    assert len(discord.world.webhooks) == 1


async def test_a_channel_that_refuses_us_is_left_alone_after_three_times(stage: Rig, discord: StandinDiscord) -> None:
    """R28: each answer ends in DeliveryFailed, and the fourth costs no request."""
    place = discord.world.channel("general")
    place.denied = {"MANAGE_WEBHOOKS"}
    discord.fault(method="POST", path=f"/channels/{place.id}/messages", status=403, code=50013, times=99)
    async with stage.bot():
        for number in range(1, 6):
            await discord.say("general", "alice", f"@Lilith {number}")
            await until(stage, "reply.failed", number)
    refused = [e for e in discord.recorder.exchanges if e.status == 403]
    assert 1 <= len(refused) <= 3
    assert [f.category for f in await failures(stage)] == ["missing permission"] * 3 + ["channel muted"] * 2


async def test_a_name_discord_forbids_is_mapped_to_a_legal_one(stage: Rig, discord: StandinDiscord) -> None:
    """R32, A5: no HTTP 400 for a name or a picture."""
    await stage.character("Clyde of Discord", avatar_url="file:///etc/passwd")
    async with stage.bot():
        asked = await discord.say("general", "alice", "@Clyde of Discord hello")
        [reply] = await discord.wait_reply("general", asked)
    assert reply["author"]["username"] == "Clydе of Discоrd"
    assert [e.status for e in discord.recorder.exchanges if e.status == 400] == []


async def test_no_text_of_a_model_pings_anybody(stage: Rig, discord: StandinDiscord) -> None:
    """R31: in a channel, a thread, a DM, and in an error notice."""
    stage.write = lambda turn: "@everyone @here <@1> <@&2> hello" if turn.slot == 0 else None
    await stage.character("Pinger", error_message="@everyone I broke")
    thread = await discord.thread("general", "aside")
    async with stage.bot():
        for place in ("general", thread, discord.dm("alice")):
            asked = await discord.say(place, "alice", "@Lilith hello")
            await discord.wait_reply(place, asked)
        stage.write = lambda turn: "!internal"
        asked = await discord.say("general", "alice", "@Pinger hello")
        await discord.wait_reply("general", asked)
    assert discord.recorder.pings == []
    assert discord.violations == []


async def test_answers_due_while_the_bot_was_down_are_delivered_at_its_start(stage: Rig, discord: StandinDiscord) -> None:
    """The read model remembers; no wake-up is needed."""
    stage.write = lambda turn: None
    async with stage.bot():
        await discord.say("general", "alice", "@Lilith hello")
        await discord.wait_for(lambda: stage.requested, what="a turn")
    await stage.log.append(ended(stage.requested[0], "late but there"))
    await stage.settle()
    async with stage.bot():
        [reply] = await discord.wait_reply("general")
    assert reply["content"] == "late but there"
