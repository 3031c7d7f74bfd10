"""The bot on the stand-in Discord, with real Postgres and NATS: what people write, what they get."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot import requests
from bot.discord.service import Service
from engine.config import Settings
from engine.events.message import Declined, MessageDeclined, MessageDeleted, MessageReceived
from engine.events.turn import TurnRequested
from engine.store import Query
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, ended, rig
from tests.support.discord.validate import load, spec_path
from tests.support.discord.world import GUILD_FORUM, PUBLIC_THREAD

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
PRIVATE_THREAD = 12


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    path = spec_path()
    async with StandinDiscord.start(spec=load(path) if path else None) as running:
        yield running
        assert running.violations == []
        assert running.recorder.pings == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    def echo(turn: TurnRequested) -> str:
        return f"answer to {turn.message_id}"

    async with rig(settings, discord, echo) as running:
        await running.character("Lilith", avatar_url="https://example.org/lilith.png")
        await running.character("Ada")
        yield running


@pytest.fixture
async def bot(stage: Rig) -> AsyncIterator[Service]:
    async with stage.bot() as service:
        yield service


async def a_named_character_answers_under_its_own_name(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """`@Lilith hello` gets one reply through a webhook, with typing before it, and the log tells the story in order."""
    asked = await discord.say("general", "alice", "@Lilith hello")
    [reply] = await discord.wait_reply("general", asked)
    assert reply["author"]["username"] == "Lilith"
    assert reply["content"] == f"answer to {asked}"
    assert discord.recorder.typing != []
    await discord.wait_for(
        lambda: discord.world.channel("general").messages[reply["id"]]["_avatar_url"] == "https://example.org/lilith.png"
    )
    await stage.settle()
    told = ["message.received", "turn.requested", "turn.completed", "reply.intended", "reply.chunk_delivered", "reply.delivered"]
    assert await stage.types("message", "turn", "reply") == told


async def what_addresses_nobody_is_not_kept(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """Plain talk in a channel without a character leaves no trace in the log, nor does its edit or deletion."""
    before = await stage.count("message")
    idle = await discord.say("general", "alice", "just talking")
    await discord.edit("general", idle, "still just talking")
    await discord.delete("general", idle)
    asked = await discord.say("general", "alice", "@Lilith hi")
    await discord.wait_reply("general", asked)
    assert await stage.count("message") == before + 1
    assert bot.ingest.counts.unaddressed == 1


async def a_reply_reaches_its_character_and_no_other(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """Replying to a character's message continues with it, without its name."""
    asked = await discord.say("general", "alice", "@Ada hi")
    [first] = await discord.wait_reply("general", asked)
    again = await discord.say("general", "bob", "and then?", reply_to=first["id"])
    [second] = await discord.wait_reply("general", again)
    assert second["author"]["username"] == "Ada"
    assert stage.requested[-1].trigger == "reply"


async def test_an_activated_character_answers_everything_until_it_is_deactivated(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """`/channel activate`, plain talk, `/channel deactivate`, silence."""
    done = await discord.answered(await discord.slash("general", "alice", "channel activate", {"character": "Lilith"}))
    await discord.wait_for(lambda: "Lilith" in done.text or None, 10.0, "what everybody sees")
    asked = await discord.say("general", "bob", "anybody here?")
    replies = await discord.wait_reply("general", asked)
    assert replies[-1]["author"]["username"] == "Lilith"
    both = await discord.say("general", "bob", "and @Ada?")
    replies = await discord.wait_reply("general", both, 2)
    assert [r["author"]["username"] for r in replies] == ["Lilith", "Ada"]
    await discord.answered(await discord.slash("general", "alice", "channel deactivate"))
    before = await stage.count("turn.requested")
    await discord.say("general", "bob", "silence?")
    last = await discord.say("general", "bob", "@Ada?")
    await discord.wait_reply("general", last)
    assert await stage.count("turn.requested") == before + 1


async def two_named_characters_answer_in_the_order_they_were_named(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """A3, also when the second one is faster."""

    def write(turn: TurnRequested) -> str | None:
        return "second" if turn.slot == 1 else None

    echo, stage.write, before = stage.write, write, len(stage.requested)
    asked = await discord.say("general", "alice", "@Ada @Lilith hello")
    await discord.wait_for(lambda: len(stage.requested) == before + 2, what="two turns")
    await stage.log.append(ended(next(t for t in stage.requested[before:] if t.slot == 0), "first"))
    stage.write = echo
    replies = await discord.wait_reply("general", asked, 2)
    assert [(r["author"]["username"], r["content"]) for r in replies] == [("Ada", "first"), ("Lilith", "second")]


async def a_dm_goes_on_with_the_last_character(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """The bot itself speaks there, saying who; the next message needs no name (A12)."""
    dm = discord.dm("alice")
    await discord.say(dm, "alice", "@Ada hello")
    [first] = await discord.wait_reply(dm)
    assert first["content"].startswith("**Ada:** answer")
    assert "webhook_id" not in first
    await stage.settle()
    again = await discord.say(dm, "alice", "go on")
    [second] = await discord.wait_reply(dm, again)
    assert second["content"].startswith("**Ada:** ")
    assert stage.requested[-1].trigger == "dm"


async def a_dm_that_reaches_nobody_is_told_how_to_begin(
    stage: Rig, bot: Service, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The help names characters, goes away by itself, and is no part of the conversation."""
    monkeypatch.setattr("bot.discord.dm_hint.SHOWN_S", 0.2)
    dm = discord.dm("alice")
    await discord.say(dm, "alice", "hello?")
    [told] = await discord.wait_reply(dm)
    assert "`@lilith`" in told["content"]
    await discord.wait_for(lambda: not discord.replies(dm), what="the help to go")
    assert await stage.count("reply") == 0


async def a_thread_is_served_through_its_parent(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """One webhook per channel (A5)."""
    thread = await discord.thread("general", "aside", "alice")
    for place in ("general", thread, "general"):
        asked = await discord.say(place, "alice", "@Lilith hi")
        await discord.wait_reply(place, asked)
    assert len(discord.world.webhooks) == 1


async def posts_of_forums_private_and_locked_threads_are_served(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """By webhook wherever Discord takes one; in a locked thread, which takes none, under the bot's own name."""
    world, alice = discord.world, discord.user_id("alice")
    forum = world.add_channel("ideas", kind=GUILD_FORUM)
    post = world.add_channel("a post", kind=PUBLIC_THREAD, parent_id=forum.id, owner_id=alice)
    private = world.add_channel("a secret", kind=PRIVATE_THREAD, parent_id=world.channel("general").id, owner_id=alice)
    for place in (post, private):
        asked = await discord.say(place.id, "alice", "@Lilith hi")
        [reply] = await discord.wait_reply(place.id, asked)
        assert (reply["author"]["username"], reply["content"]) == ("Lilith", f"answer to {asked}")
    post.locked = True
    asked = await discord.say(post.id, "alice", "@Lilith and now?")
    [reply] = await discord.wait_reply(post.id, asked)
    assert reply["content"] == f"**Lilith:** answer to {asked}"


async def a_long_answer_comes_in_parts_that_lose_nothing(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """Each part is a message and an event (A6)."""
    text = "\n\n".join(f"Paragraph {n}. " + "word " * 150 for n in range(8)).strip()
    stage.write = lambda turn: text
    asked = await discord.say("general", "alice", "@Lilith tell me")
    await discord.wait_for(
        lambda: discord.replies("general", asked)[-1:] and "Paragraph 7" in discord.replies("general", asked)[-1]["content"]
    )
    parts = [m["content"] for m in discord.replies("general", asked)]
    assert "".join("".join(parts).split()) == "".join(text.split())
    await stage.settle()
    assert await stage.count("reply.chunk_delivered") == len(parts) > 2


async def a_failed_turn_is_told_with_its_reference(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """B2: bold category, friendly text (the character's own, if it has one), spoiler with code and reference."""
    await stage.character("Grump", error_message="Not now!")
    stage.write = lambda turn: "!rate_limit"
    for name, friendly in (("Lilith", "Sorry."), ("Grump", "Not now!")):
        asked = await discord.say("general", "alice", f"@{name} hello")
        [notice] = await discord.wait_reply("general", asked)
        assert notice["content"] == f"**Too many requests**\n{friendly}\n||rate_limit · HTTP 429 · busy · reference ref0123456||"


async def programs_are_never_answered(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """A webhook that names a character gets no answer (K = 0)."""
    before = len(stage.requested)
    await discord.say_as_webhook("general", "Bridge", "@Lilith hello")
    asked = await discord.say("general", "alice", "@Ada hello")
    await discord.wait_reply("general", asked)
    assert [t.message_id for t in stage.requested[before:]] == [int(asked)]


async def the_same_message_twice_is_one_turn(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """R26: a replayed dispatch changes nothing."""
    before = len(discord.replies("general"))
    asked = await discord.say("general", "alice", "@Lilith hello")
    await discord.wait_reply("general", asked)
    message = discord.world.message(discord.world.channel("general").id, asked)
    for _ in range(3):
        await discord.gateway.dispatch("MESSAGE_CREATE", message | {"guild_id": discord.world.guild.id})
    last = await discord.say("general", "alice", "@Ada hello")
    await discord.wait_reply("general", last)
    assert len(discord.replies("general")) == before + 2


async def an_event_nobody_can_digest_does_not_end_the_connection(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """nextcord's parser fails on it; the bot counts it and lives."""
    await discord.gateway.dispatch("MESSAGE_CREATE", {"id": "1", "channel_id": "x", "author": 7})
    await discord.gateway.dispatch("CHANNEL_UPDATE", {"nonsense": True})
    asked = await discord.say("general", "alice", "@Lilith hello")
    await discord.wait_reply("general", asked)
    assert bot.client is not None
    assert sum(bot.client.dropped.values()) >= 1
    assert discord.gateway.identifies == 1


async def test_what_was_said_while_the_bot_was_away_is_answered_if_fresh(stage: Rig, discord: StandinDiscord) -> None:
    """R04: fresh messages are answered, older ones only kept; nothing twice."""
    async with stage.bot():
        asked = await discord.say("general", "alice", "@Lilith hello")
        await discord.wait_reply("general", asked)
    await stage.settle()
    away = await discord.say("general", "alice", "@Lilith are you there?")
    async with stage.bot():
        await discord.wait_reply("general", away)
    await stage.settle()
    long_ago = datetime.now(UTC) - timedelta(minutes=20)
    discord.world.channel("quiet").messages.clear()
    async with stage.bot():
        old = await discord.say("quiet", "alice", "@Ada first", at=long_ago - timedelta(minutes=20))
        await discord.wait_for(lambda: stage.service is not None and stage.service.ingest.counts.stored >= 1)
    await discord.say("quiet", "alice", "@Ada stale", at=long_ago)
    async with stage.bot():
        fresh = await discord.say("quiet", "alice", "@Ada fresh")
        await discord.wait_reply("quiet", fresh)
        await discord.wait_for(lambda: stage.service is not None and stage.service.ingest.counts.stored >= 2)
    assert [m["content"] for m in discord.replies("quiet")] == [f"answer to {fresh}"]
    await stage.settle()
    kept = [r.event.message_id async for r in stage.log.read() if r.row.type == "message.received"]  # type: ignore[attr-defined]
    assert int(old) in kept
    assert len(kept) == 5
    assert len(discord.replies("general")) == 2
    declined = [r.event async for r in stage.log.read(Query(types=frozenset({"message.declined"})))]
    assert [d.declined for d in declined if isinstance(d, MessageDeclined)] == [(Declined(gate="stale"),)] * 2


async def a_message_deleted_before_its_answer_gets_none(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """R30: the turn is cancelled; an answer that comes nevertheless is not shown."""
    stage.write = lambda turn: None
    asked = await discord.say("general", "alice", "@Lilith hello")
    await discord.wait_for(lambda: stage.requested, what="a turn")
    await stage.settle()
    await discord.delete("general", asked)
    await eventually(stage, "turn.cancelled")
    assert await stage.types("message.deleted") == ["message.deleted"]
    late = await discord.say("general", "alice", "@Ada hello")
    await discord.wait_for(lambda: len(stage.requested) == 2, what="another turn")
    await discord.delete("general", late)
    assert discord.replies("general") == []


async def test_a_first_call_while_the_bot_was_away_is_not_missed(stage: Rig, discord: StandinDiscord) -> None:
    """R04: in a channel that the log has never heard of, Discord's last_message_id tells that there is something to look at."""
    idle = await discord.say("general", "alice", "nothing for you")
    asked = await discord.say("general", "alice", "@Lilith hello")
    async with stage.bot():
        await discord.wait_reply("general", asked)
    await stage.settle()
    assert [t.message_id for t in stage.requested] == [int(asked)]
    assert await stage.count("message") == 1
    assert int(idle) < int(asked)


async def test_a_gateway_that_drops_and_replays_and_forgets_loses_and_doubles_nothing(
    stage: Rig, bot: Service, discord: StandinDiscord
) -> None:
    """R26: socket loss, op 7, op 9, in the middle of talk."""
    asked = []
    for number in range(24):
        asked.append(int(await discord.say("general", "alice", f"@Lilith number {number}")))
        match number % 6:
            case 1:
                await discord.gateway.cut()
            case 3:
                await discord.gateway.reconnect()
            case 5 if number == 11:
                await discord.gateway.invalidate()
    await discord.wait_for(lambda: len(discord.replies("general")) >= len(asked), timeout=60, what="all answers")
    await stage.settle()
    assert [t.message_id for t in stage.requested] == asked
    assert sorted(int(m["content"].split()[-1]) for m in discord.replies("general")) == asked


async def an_answer_to_a_message_that_is_gone_is_not_shown(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """R30: deleted before, answered after."""
    stage.write, before = lambda turn: None, len(stage.requested)
    asked = await discord.say("general", "alice", "@Lilith hello")
    await discord.wait_for(lambda: len(stage.requested) > before, what="a turn")
    turn = stage.requested[before]
    await stage.log.append(requests.deleted(MessageDeleted(message_id=int(asked), channel_id=turn.channel_id, venue="discord"), None))
    await stage.log.append(ended(turn, "too late"))
    await eventually(stage, "reply.failed")
    assert discord.replies("general") == []


async def edits_are_kept_for_messages_that_are_in_the_log(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """One MessageEdited per edit."""
    asked = await discord.say("general", "alice", "@Lilith hello")
    await discord.wait_reply("general", asked)
    await discord.edit("general", asked, "@Lilith hello, dear")
    await eventually(stage, "message.edited")


async def eventually(stage: Rig, kind: str, count: int = 1) -> None:
    """Until the log holds so many events of a type."""
    async with asyncio.timeout(60):
        while await stage.count(kind) < count:
            await asyncio.sleep(0.01)


async def test_what_a_message_mentions_is_kept_by_name(stage: Rig, discord: StandinDiscord) -> None:
    """People, roles and channels: what an id stands for is known when the message is said."""
    role, lobby, bob = discord.world.add_role("Mods"), discord.add_channel("lobby"), discord.user_id("bob")
    async with stage.bot():
        asked = await discord.say("general", "alice", f"@Lilith <@{bob}> <@&{role}> <#{lobby}>")
        await discord.wait_reply("general", asked)
    [event] = [r.event async for r in stage.log.read(Query(types=frozenset({"message.received"})))]
    assert isinstance(event, MessageReceived)
    assert event.mentioned == {bob: "Bob", f"&{role}": "Mods", f"#{lobby}": "lobby"}


async def test_who_is_addressed_answers(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """In a channel, one thing after the other that people and programs do there."""
    await a_named_character_answers_under_its_own_name(stage, bot, discord)
    await what_addresses_nobody_is_not_kept(stage, bot, discord)
    await a_reply_reaches_its_character_and_no_other(stage, bot, discord)
    await two_named_characters_answer_in_the_order_they_were_named(stage, bot, discord)
    await a_thread_is_served_through_its_parent(stage, bot, discord)
    await posts_of_forums_private_and_locked_threads_are_served(stage, bot, discord)
    await programs_are_never_answered(stage, bot, discord)
    await the_same_message_twice_is_one_turn(stage, bot, discord)
    await an_event_nobody_can_digest_does_not_end_the_connection(stage, bot, discord)
    await edits_are_kept_for_messages_that_are_in_the_log(stage, bot, discord)


async def test_dms(stage: Rig, bot: Service, discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first word that reaches nobody, then a conversation."""
    await a_dm_that_reaches_nobody_is_told_how_to_begin(stage, bot, discord, monkeypatch)
    await a_dm_goes_on_with_the_last_character(stage, bot, discord)


async def test_answers_of_other_forms(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """Too long for one message, or none at all."""
    await a_long_answer_comes_in_parts_that_lose_nothing(stage, bot, discord)
    await a_failed_turn_is_told_with_its_reference(stage, bot, discord)


async def test_what_is_deleted_is_not_answered(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """Before its turn ended, and before its answer was shown."""
    await a_message_deleted_before_its_answer_gets_none(stage, bot, discord)
    await an_answer_to_a_message_that_is_gone_is_not_shown(stage, bot, discord)
