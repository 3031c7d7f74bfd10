"""Talking with a character by a command: said for everybody to see, answered by the same rules as everything else (A12, A14)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.discord.service import Service
from engine import ids
from engine.actor import operator
from engine.config import Settings
from engine.decide.channel import Edit, Where
from engine.events.message import MessageCued, MessageDrafted, MessageReceived
from engine.events.turn import TurnCompleted, TurnRequested
from engine.execute import execute
from engine.store import Query
from projections.models import history
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.core import Interaction
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
    async with rig(settings, discord, lambda turn: f"{turn.trigger}: {turn.reason}") as running:
        await running.character("Lilith")
        yield running


@pytest.fixture
async def bot(stage: Rig) -> AsyncIterator[Service]:
    async with stage.bot() as service:
        yield service


async def shown(discord: StandinDiscord, asked: Interaction, messages: int) -> list[str]:
    """What the person and the channel see of a command, the first hidden."""
    await discord.wait_for(lambda: len(asked.messages) >= messages, what=f"{messages} messages, not {asked.messages}")
    return [str(message["content"]) for message in asked.messages]


async def events[E](stage: Rig, kind: type[E]) -> list[E]:
    return [one.event async for one in stage.log.read(Query()) if isinstance(one.event, kind)]


async def test_what_is_said_by_a_command_is_shown_answered_and_part_of_the_conversation(
    stage: Rig, bot: Service, discord: StandinDiscord
) -> None:
    """`/chat`: the line stands in the channel under its author's name and pings nobody; its author is the person, not the bot."""
    asked = await discord.slash("general", "alice", "chat", {"character": "lilith", "message": "hi @everyone"})
    hidden, line = await shown(discord, asked, 2)
    assert hidden == "**Lilith** was asked."
    assert line.endswith("to **Lilith**: hi @everyone")
    posted = str(asked.messages[1]["id"])
    [reply] = await discord.wait_reply("general", posted)
    assert reply["content"] == "command: a command calls it"
    assert reply["author"]["username"] == "Lilith"
    [said] = await events(stage, MessageReceived)
    assert (str(said.message_id), str(said.author_id), said.text) == (posted, discord.user_id("alice"), "hi @everyone")
    await stage.settle()
    again = await discord.say("general", "bob", "and what do you think?", reply_to=reply["id"])
    assert (await discord.wait_reply("general", again))[0]["content"].startswith("reply")


async def test_a_character_reads_the_room_and_joins_in(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """Without a message nothing is put into anybody's mouth: the log says that it was asked to speak, and by whom."""
    asked = await discord.slash("general", "alice", "chat", {"character": "Lilith"})
    assert await shown(discord, asked, 1) == ["**Lilith** joins in."]
    [cue] = await discord.wait_for(lambda: [t for t in stage.requested if t.trigger == "command"], what="a turn")
    await discord.wait_for(lambda: [m for m in discord.messages("general") if m["content"].startswith("command")], what="an answer")
    assert cue.message_id == int(asked.id)
    [found] = await events(stage, MessageCued)
    assert (found.why, str(found.author_id)) == ("room", discord.user_id("alice"))
    assert await events(stage, MessageReceived) == []


async def test_one_is_drawn_by_lot_and_the_roll_is_kept(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    await stage.character("Secret", owner=1, visibility="private")
    asked = await discord.slash("general", "alice", "random", {"message": "anybody?"})
    await shown(discord, asked, 2)
    await discord.wait_reply("general", str(asked.messages[1]["id"]))
    [kept] = await events(stage, MessageDrafted)
    assert kept.drawn[0].roll is not None
    assert kept.drawn[0].character_id == stage.requested[0].character_id != ids.derived("test character", "Secret")


async def test_a_command_is_refused_by_the_gate_with_its_reason_and_leaves_nothing(
    stage: Rig, bot: Service, discord: StandinDiscord
) -> None:
    """A channel where characters may not speak; one that is not this person's; a name that nobody has."""
    await stage.character("Secret", owner=1, visibility="private")
    place = Where(int(discord.world.channel("general").id), 1, "discord")
    await execute(stage.log, operator(1), Edit(place, {"speech": "closed"}), ids.random_id(), see=["channels"])
    for name, words in (("lilith", "may not speak"), ("secret", "no such character"), ("lilth", "lilith")):
        told = await discord.answered(await discord.slash("general", "alice", "chat", {"character": name, "message": "hi"}))
        assert told.ephemeral
        assert words in told.text.lower()
        assert len(told.messages) == 1
    assert await events(stage, MessageReceived) == []


async def test_a_dm_goes_on_with_whom_it_was_last_and_any_older_message_reaches_its_own(
    stage: Rig, bot: Service, discord: StandinDiscord
) -> None:
    """Changing to another by name or by command holds from then on; another version of an old reply changes nothing (A12)."""
    await stage.character("Quillon")
    dm = discord.dm("alice")
    [old] = await discord.wait_reply(dm, await discord.say(dm, "alice", "@Lilith hello"))
    asked = await discord.slash(dm, "alice", "chat", {"character": "quillon", "message": "and you?"})
    await shown(discord, asked, 2)
    await discord.wait_reply(dm, str(asked.messages[1]["id"]))
    await discord.on_message(dm, "alice", "Regenerate", old["id"])
    await discord.wait_for(lambda: len(stage.requested) == 3, what="another version")
    await stage.settle()
    for text, reply_to in (("go on", None), ("no, you", old["id"]), ("hm", None)):
        await stage.settle()
        await discord.wait_reply(dm, await discord.say(dm, "alice", text, reply_to=reply_to))
    wren, lilith = (ids.derived("test character", name) for name in ("Quillon", "Lilith"))
    assert [turn.character_id for turn in stage.requested] == [lilith, wren, lilith, wren, lilith, lilith]
    assert [turn.trigger for turn in stage.requested[3:]] == ["dm", "reply", "dm"]


async def test_a_character_leaves_the_scene_by_command_and_is_not_drafted(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """`/scene` and `/history` as people use them: public when done, hidden when refused, with a way back; typing goes by unharmed."""

    async def run(command: str, **options: object) -> str:
        asked = await discord.answered(await discord.slash("general", "alice", command, options))
        await discord.wait_for(lambda: asked.messages[-1]["content"] != "Done.", what="an answer")
        await stage.settle()
        return asked.text

    await run("channel activate", character="lilith")
    assert "sees all that is said" in await run("scene show") or "see all" in await run("scene show")
    assert "not there any more" in await run("scene leave", character="lilith")
    assert "It is not there." in await run("scene leave", character="lilith")
    assert "**Lilith** is not there." in await run("scene show")
    await discord.types("general", "bob")
    await discord.say("general", "bob", "is she gone?")
    called = await discord.say("general", "bob", "@Lilith, are you?")
    await discord.wait_reply("general", called)
    assert [str(turn.message_id) for turn in stage.requested] == [called]
    whisper = await discord.slash("general", "alice", "scene whisper", {"character": "lilith", "message": "come back"})
    assert "whispers to **Lilith**: come back" in (await shown(discord, whisper, 2))[1]
    assert "is there now" in await run("scene join", character="lilith")
    assert "**Lilith** narrates here." in await run("scene narrator", character="lilith")
    assert "Give the link" in await run("scene join", character="lilith", since="yesterday")
    assert "messages of 2 people" in await run("history stats")
    assert "Nothing was cleared" in await run("history undo")
    assert "brings it back" in await run("history clear")
    assert "there again" in await run("history undo")
    assert "Type `purge`" in await run("history purge", confirm="yes")
    assert "No character will see again" in await run("history purge", confirm="purge")


async def test_thoughts_stand_before_an_answer_and_a_footer_below_it_and_neither_is_part_of_it(
    stage: Rig, bot: Service, discord: StandinDiscord
) -> None:
    """Where the preset wishes it; after a regeneration the channel shows the new ones only."""

    def write(turn: TurnRequested) -> str | None:
        return None

    stage.write = write
    asked = await discord.say("general", "alice", "@Lilith what now?")
    [turn] = await discord.wait_for(lambda: list(stage.requested), what="a turn")
    plain = ended(turn, "We wait.")
    assert isinstance(plain.event, TurnCompleted)
    more = {"reasoning": "Hm, ||waiting||.", "show_thinking": True, "fallback_from": "a/b", "fallback_why": "timeout"}
    await stage.log.append(replace(plain, event=plain.event.model_copy(update=more)))
    replies = await discord.wait_for(lambda: found if len(found := discord.replies("general", asked)) == 2 else None, what="two messages")
    assert [one["content"] for one in replies] == [
        "-# Thoughts\n||Hm, | |waiting| |.||",
        "We wait.\n-# Answered by m: a/b took too long",
    ]
    async with asyncio.timeout(60):
        while await stage.count("reply.delivered") == 0:
            await asyncio.sleep(0.02)
    await stage.settle()
    async with stage.log.pool.connection() as connection:
        entry = await history.by_message(connection, stage.log.vault, int(replies[1]["id"]))
    assert entry is not None
    assert entry.text == "We wait."
