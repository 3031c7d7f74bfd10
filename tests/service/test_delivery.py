"""Replies with versions, two deliverers at once, and what stands between an intention and a crash: one live version, one set of posts."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import aiohttp
import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bot import requests
from bot.delivery import queue, showing
from bot.delivery import reply as versions
from bot.delivery.queue import Queues
from bot.discord.post import Post
from bot.discord.rest import Rest
from bot.discord.translate import Us
from bot.discord.webhooks import Webhooks
from bot.triggers import Decision, Trigger
from engine import clock, ids
from engine.actor import person
from engine.config import Settings
from engine.decide import reply
from engine.decide.rejected import Rejected
from engine.decide.reply import ChooseVersion, DeleteReply, EditReply, Regenerate
from engine.events.message import MessageReceived
from engine.events.reply import DeliveryFailed
from engine.events.turn import TurnRequested
from engine.execute import execute
from engine.failpoints import Injected
from engine.store import Query
from projections.live.leases import Lease
from projections.models import history
from tests.support import oracle
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, ended, rig
from tests.support.memories import Spot, World

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
LONG = "\n\n".join(f"Part {n}. " + "word " * 300 for n in range(3))
ALICE = person(7)
FULL = os.environ.get("TZUROT_FULL") == "1"
ANSWERS, ACTS = (200, 50) if FULL else (20, 16)


@dataclass
class Stage:
    """Everything but a connected bot: deliverers are made as wanted, each as in a process of its own."""

    rig: Rig
    discord: StandinDiscord
    character: UUID
    session: aiohttp.ClientSession

    @property
    def channel(self) -> int:
        return int(self.discord.world.channel("general").id)

    def venue(self) -> Post:
        world = self.discord.world
        rest = Rest(self.discord.api_base, self.discord.token, self.session)
        us = Us(int(world.bot.id), int(world.application_id))
        return Post(rest, Webhooks(rest, us.application_id), us)

    def deliverer(self) -> Queues:
        return Queues(self.rig.log, self.venue())

    async def say(self, text: str = "hello", *, character: UUID | None = None) -> int:
        """Somebody says something, and a character is to answer it."""
        message_id = int(await self.discord.say("general", "alice", text))
        said = MessageReceived(
            message_id=message_id, channel_id=self.channel, guild_id=1, author_id=7, venue="discord", text=text, author_name="Alice"
        )
        await self.rig.log.append(*requests.received(said, Decision([Trigger(character or self.character, "name", "named")])))
        return message_id

    async def ended(self, message_id: int, epoch: int = 0) -> None:
        """Until the worker has answered."""
        terminal = ids.terminal(ids.turn(message_id, self.character, epoch))
        async with asyncio.timeout(30):
            while await self.rig.log.find(terminal) is None:
                await asyncio.sleep(0.01)

    async def deliver(self, queues: Queues) -> None:
        queues.wake(self.channel, await self.rig.log.head())
        async with asyncio.timeout(30):
            await queues.idle()

    async def seen_in_history(self) -> list[str]:
        await self.rig.settle()
        async with self.rig.log.pool.connection() as connection:
            found = await history.recent(connection, self.rig.log.vault, self.channel, until=1 << 60)
        return [entry.text for entry in found if entry.kind == "reply"]

    async def seen_by_the_next_turn(self) -> tuple[list[str], list[str]]:
        """The replies that somebody's next message may be answered with in mind: what is remembered, and what its prompt holds."""
        self.rig.write = lambda turn: None
        onlooker = Onlooker(self.rig.log, at=clock.now() + timedelta(minutes=1), rig=self.rig)
        asked = await onlooker.say(Spot(self.channel, 1), "next", by=7)
        met = await onlooker.met(asked, self.character, by=7)
        prompt, _ = await onlooker.prompt(asked, self.character, by=7)
        assert met[0] == "hello"
        assert met[-1] == "next"
        return met[1:-1], [said.content for said in prompt.messages if said.role == "assistant"]

    async def until(self, texts: list[str]) -> None:
        """Until the character's messages in the channel say this."""
        await self.discord.wait_for(lambda: self.shown() == texts, what=repr(texts))

    def shown(self) -> list[str]:
        return [m["content"] for m in self.discord.replies("general")]


@dataclass
class Onlooker(World):
    """What a worker would see in the stage's log, whose read models are kept in step already."""

    rig: Rig = field(kw_only=True)

    async def caught_up(self) -> None:
        self.read = await self.log.head()
        await self.rig.settle(self.read)


@asynccontextmanager
async def staged(settings: Settings) -> AsyncIterator[Stage]:
    async with StandinDiscord.start() as discord, aiohttp.ClientSession() as session:
        async with rig(settings, discord, lambda turn: f"answer {turn.epoch} to {turn.message_id}") as running:
            yield Stage(running, discord, await running.character("Lilith"), session)
        assert discord.recorder.pings == []
        assert discord.violations == []


@pytest.fixture
async def stage(settings: Settings) -> AsyncIterator[Stage]:
    async with staged(settings) as made:
        yield made


async def test_two_deliverers_post_every_answer_once_and_in_order(stage: Stage) -> None:
    """R46, I11: both are woken for each answer and sweep besides; whoever posts first does, and nobody posts it again."""
    said = [await stage.say(str(number)) for number in range(ANSWERS)]
    one, other = stage.deliverer(), stage.deliverer()
    for message in said:
        await stage.ended(message)
        for queues in (one, other):
            queues.wake(stage.channel, await stage.rig.log.head())
    await asyncio.gather(stage.deliver(one), stage.deliver(other))
    assert stage.shown() == [f"answer 0 to {message}" for message in said]
    await stage.rig.settle()
    assert oracle.in_order(await oracle.events(stage.rig.log.dsn)) == []


async def test_a_first_post_that_fails_is_not_overtaken(stage: Stage) -> None:
    """R44: Discord answers 503 three times to the first; what came after it waits."""
    stage.discord.fault(method="POST", path="/webhooks/", status=503, times=3)
    said = [await stage.say(str(number)) for number in range(3)]
    for message in said:
        await stage.ended(message)
    await stage.deliver(stage.deliverer())
    assert stage.shown() == [f"answer 0 to {message}" for message in said]


async def test_six_answers_that_waited_for_a_dead_bot_stand_in_the_order_of_the_log(stage: Stage) -> None:
    """R44, I11: the bot dies while six messages to one character wait; a worker ends them before the next bot is there, or as it starts."""
    rig, said = stage.rig, list[str]()
    rig.write = lambda turn: None
    for ended_before in (True, False):
        async with rig.bot():
            said.extend([await stage.discord.say("general", "alice", f"@Lilith {number}") for number in range(6)])
            await stage.discord.wait_for(lambda: len(rig.requested) == len(said), what="six more turns")
        waiting = sorted(rig.requested[-6:], key=lambda turn: turn.message_id)
        if ended_before:
            await end_all(rig, waiting)
            await rig.settle()
        async with rig.bot():
            if not ended_before:
                await end_all(rig, waiting)
            await stage.until([f"answer to {message}" for message in said])
    await rig.settle()
    assert oracle.in_order(await oracle.events(rig.log.dsn)) == []


async def end_all(rig: Rig, turns: list[TurnRequested]) -> None:
    """As the worker of one conversation does: one after the other."""
    for turn in turns:
        await rig.log.append(ended(turn, f"answer to {turn.message_id}"))


async def test_an_answer_is_found_behind_many_other_messages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """R49: after the post a crash, and then 120 people's messages; before the trigger's intention, 120 more."""
    deaths: list[str] = []

    def die(name: str) -> None:
        if name == "deliver.after_post" and not deaths:
            deaths.append(name)
            raise Injected(name)

    monkeypatch.setattr(showing, "failpoint", die)
    monkeypatch.setattr(queue, "ODD_TRIES", 99)
    message = await stage.say()
    await stage.ended(message)
    for number in range(120):
        await stage.discord.say("general", "bob", str(number))
    dying = stage.deliverer()
    dying.wake(stage.channel, await stage.rig.log.head())
    await stage.discord.wait_for(lambda: deaths, what="the crash")
    await dying.close()
    for number in range(120):
        await stage.discord.say("general", "bob", str(number))
    await stage.deliver(stage.deliverer())
    assert stage.shown() == [f"answer 0 to {message}"]


async def test_whoever_has_lost_the_right_to_post_posts_no_further_part(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may have it, and go on where this one stopped; with the right again the rest follows, each part once."""
    stage.rig.write = lambda turn: LONG
    message = await stage.say()
    await stage.ended(message)
    ours, lost, refused = Lease.is_ours, True, 0

    def is_ours(lease: Lease) -> bool:
        nonlocal refused
        gone = lost and bool(stage.shown())
        refused += gone
        return not gone and ours(lease)

    monkeypatch.setattr(Lease, "is_ours", is_ours)
    queues = stage.deliverer()
    queues.wake(stage.channel, await stage.rig.log.head())
    await stage.discord.wait_for(lambda: refused >= 2, what="the right being asked for again")
    assert len(stage.shown()) == 1
    lost = False
    async with asyncio.timeout(30):
        await queues.idle()
    assert [part[:6] for part in stage.shown()] == ["Part 0", "Part 1", "Part 2"]


async def test_another_applications_post_is_not_taken_for_ours(stage: Stage) -> None:
    """It says the very same, right where ours would stand; ours was never accepted."""
    message = await stage.say()
    await stage.ended(message)
    stage.discord.fault(method="POST", path="/webhooks/", status=503)
    queues = stage.deliverer()
    queues.wake(stage.channel, await stage.rig.log.head())
    await stage.discord.wait_for(lambda: any(e.status == 503 for e in stage.discord.recorder.exchanges), what="the refused post")
    hook = stage.discord.world.add_webhook(str(stage.channel), "Other", "4242")
    path = f"{stage.discord.api_base}/webhooks/{hook.id}/{hook.token}?wait=true"
    body = {"content": f"answer 0 to {message}", "allowed_mentions": {"parse": []}}
    async with stage.session.post(path, json=body) as answered:
        foreign = (await answered.json())["id"]
    await stage.deliver(queues)
    ours = [m["id"] for m in stage.discord.messages("general") if m.get("webhook_id") and m["id"] != foreign]
    assert len(ours) == 1


async def test_what_cannot_be_delivered_gets_its_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is due no more, so that it blinds nobody; the person is told once, and the next one is delivered."""
    monkeypatch.setattr(queue, "UNSURE_TRIES", 2)
    monkeypatch.setattr(queue, "LONGEST_PAUSE_S", 0.01)
    stage.discord.fault(method="POST", path="/webhooks/", status=503, times=2)
    said = [await stage.say(str(number)) for number in range(2)]
    for message in said:
        await stage.ended(message)
    await stage.deliver(stage.deliverer())
    failed = [r.event async for r in stage.rig.log.read(Query(types=frozenset({"reply.failed"})))]
    assert [(f.turn_id, f.category) for f in failed if isinstance(f, DeliveryFailed)] == [(ids.turn(said[0], stage.character), "no answer")]
    told, answered = stage.shown()
    assert told.startswith("**An answer could not be shown**")
    assert answered == f"answer 0 to {said[1]}"


async def test_a_running_bot_shows_what_was_done_with_a_reply(stage: Stage) -> None:
    """E3, E6: regenerated, edited, stepped back and deleted, in the one message there is."""
    log, reply_of = stage.rig.log, (stage.character,)
    async with stage.rig.bot():
        message = int(await stage.discord.say("general", "alice", "@Lilith hello"))
        await stage.discord.wait_for(lambda: stage.shown() == [f"answer 0 to {message}"], what="the answer")
        actor = person(int(stage.discord.user_id("alice")))
        first = ids.turn(message, stage.character)
        steps = [
            (Regenerate(message, *reply_of), [f"answer 1 to {message}"]),
            (EditReply(message, *reply_of, text="my own words"), ["my own words"]),
            (ChooseVersion(message, *reply_of, version=first), [f"answer 0 to {message}"]),
            (DeleteReply(message, *reply_of), []),
        ]
        for command, shown in steps:
            await execute(log, actor, command, ids.random_id())
            await stage.until(shown)
    posts = stage.discord.recorder.of("POST", "/webhooks/{webhook_id}/{webhook_token}")
    assert len(posts) == 1


async def test_twenty_regenerations_at_once_are_one(stage: Stage) -> None:
    """E3: one in flight, whoever asks."""
    message = await stage.say()
    await stage.ended(message)
    stage.rig.write = lambda turn: None
    asked = [execute(stage.rig.log, ALICE, Regenerate(message, stage.character), ids.random_id()) for _ in range(20)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(result, Rejected) for result in results) == 19
    with pytest.raises(Rejected, match="wrote the message"):
        await execute(stage.rig.log, person(8), DeleteReply(message, stage.character), ids.random_id())


@given(seed=st.integers(0, 1 << 30))
@example(seed=2256)  # a deletion whose answer's earlier showing ended only after it
@examples(max_examples=2, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
async def test_everything_shows_the_same_version_whatever_was_done(settings: Settings, seed: int) -> None:
    """E3, E6: channel, history, memory and the next prompt; chunk counts differ from version to version, deliverers die in between."""
    drawn = random.Random(seed)
    async with staged(settings) as stage:
        stage.rig.write = lambda turn: f"answer {turn.epoch}" if turn.epoch % 2 == 0 else LONG.replace("word", f"word{turn.epoch}")
        message = await stage.say()
        await stage.ended(message)
        queues = stage.deliverer()
        for _ in range(ACTS):
            await act(stage, drawn, message)
            if drawn.random() < 0.5:
                await stage.deliver(queues)
            elif drawn.random() < 0.5:
                await queues.close()  # in the middle of whatever it does
                queues = stage.deliverer()
            queues.wake(stage.channel, await stage.rig.log.head())
        await stage.deliver(queues)
        live = (await known(stage, message)).live
        wanted = [] if live is None else [bare((await words(stage, message))[live])]
        assert bare("".join(stage.shown())) == "".join(wanted)
        assert [bare(text) for text in await stage.seen_in_history()] == wanted
        in_memory, in_prompt = await stage.seen_by_the_next_turn()
        assert [bare(text) for text in in_memory] == wanted
        assert [bare(text) for text in in_prompt] == wanted


def bare(text: str) -> str:
    """A text without its blanks, which Discord may change."""
    return "".join(text.split())


async def act(stage: Stage, drawn: random.Random, message: int) -> None:
    """Something somebody may do with a reply, drawn at random; what the rules refuse changes nothing."""
    state = await known(stage, message)
    version = drawn.choice(state.versions) if state.versions else ids.random_id()
    reply_of = (message, stage.character)
    command = drawn.choice(
        [
            Regenerate(*reply_of),
            EditReply(*reply_of, text=f"edited {drawn.random()} " * drawn.choice([1, 200])),
            ChooseVersion(*reply_of, version=version),
            DeleteReply(*reply_of, version=version),
            DeleteReply(*reply_of),
        ]
    )
    try:
        await execute(stage.rig.log, ALICE, command, ids.random_id())
    except Rejected:
        return
    if isinstance(command, Regenerate):
        await stage.ended(message, state.epoch + 1)


async def known(stage: Stage, message: int) -> reply.State:
    return (await showing_versions(stage, message)).state


async def words(stage: Stage, message: int) -> dict[UUID, str]:
    return {version: getattr(event, "text", "") for version, event in (await showing_versions(stage, message)).words.items()}


async def showing_versions(stage: Stage, message: int) -> versions.Versions:
    return await versions.versions(stage.rig.log, message, stage.character)
