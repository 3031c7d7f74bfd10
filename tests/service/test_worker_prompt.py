"""Prompts of whole conversations: built again from the log byte for byte, and beginning with the bytes of the turn before."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from bot import requests
from bot.triggers import Trigger
from engine import ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.job import Ask, job_id
from engine.events import Tags, user_subject
from engine.events.character import CharacterEdited
from engine.events.experiment import ExperimentRun
from engine.events.message import MessageCued, MessageEdited
from engine.events.preset import Window
from engine.events.turn import GenerationStarted, TurnCompleted
from engine.execute import execute
from engine.store import NewEvent, Query
from projections import inspector
from projections.follow import runner
from projections.prompt.rebuild import rebuild
from tests.support.provider.room import Person, room, with_provider
from tests.support.provider.server import FaultServer, Reply

FIRST, SECOND = (sample.character_id for sample in seed.samples()[:2])


@pytest.fixture
async def provider() -> AsyncIterator[FaultServer]:
    async with FaultServer.running() as server:
        server.decide = lambda asked: Reply(
            f"Reply {len(server.journal)}: {'word ' * (len(server.journal) % 7)}and {asked.call[:8]} is its number."
        )
        yield server


async def generations(person: Person) -> list[GenerationStarted]:
    found = [e.event async for e in person.log.read(Query(types=frozenset({"turn.generation_started"})))]
    return [event for event in found if isinstance(event, GenerationStarted)]


async def edit_character(person: Person) -> None:
    sample = seed.samples()[0]
    event = CharacterEdited(
        character_id=FIRST,
        owner_id=None,
        slug=sample.slug,
        visibility="public",
        edited_by=1,
        description=sample.description.model_copy(update={"traits": "Changed altogether, and <b>escaped</b>."}),
    )
    await person.log.append(
        NewEvent(event, stream=f"character:{FIRST}", id=ids.random_id(), tags=Tags(character=FIRST), subjects=("system",))
    )


async def edit_message(person: Person, message: int, text: str) -> None:
    event = MessageEdited(message_id=message, channel_id=person.channel, author_id=person.user, venue="playground", edited_ms=1, text=text)
    tags = Tags(channel=person.channel, user=person.user)
    new = NewEvent(event, stream=f"channel:{person.channel}", id=ids.random_id(), tags=tags, subjects=(user_subject(person.user),))
    await person.log.append(new)


async def test_every_prompt_can_be_built_again_from_the_log_byte_for_byte(settings: Settings, provider: FaultServer) -> None:
    async with room(with_provider(settings, provider.address)) as person:
        messages = []
        for number in range(8):
            [turn] = await person.say(f"Message {number} with <tags> & “signs” \U0001f600", FIRST if number % 3 else SECOND)
            end = await person.end(turn)
            assert isinstance(end, TurnCompleted)
            messages.append(end.message_id)
            if number == 3:
                await edit_character(person)
            if number == 5:
                await edit_message(person, messages[2], "It was never said like that.")
        both = [turn for number in range(2) for turn in await person.say(f"Both of you, {number}", FIRST, SECOND)]
        await asyncio.gather(*map(person.end, both))
        started = await generations(person)
        sent = [asked.body["messages"] for asked in provider.journal]
        for event in started:
            again = await rebuild(person.log, event)
            assert again.equal
            assert again.prompt.as_json() in sent
        assert len(started) == len(sent) == 12


async def test_who_is_asked_to_join_in_sees_the_room_and_nobody_sees_that_later(settings: Settings, provider: FaultServer) -> None:
    """What stands in the place of a message is in this prompt alone, and the prompt can be built again (A14)."""
    async with room(with_provider(settings, provider.address)) as person:
        [turn] = await person.say("The lighthouse is dark tonight", FIRST)
        await person.end(turn)
        cue = MessageCued(message_id=person.snowflakes.next(), channel_id=person.channel, author_id=person.user, venue="playground")
        asked = requests.cued(cue, Trigger(FIRST, "command", "a command calls it"))
        await person.log.append(*asked)
        assert isinstance(await person.end(ids.turn(cue.message_id, FIRST)), TurnCompleted)
        [turn] = await person.say("And now?", FIRST)
        await person.end(turn)
        for event in await generations(person):
            assert (await rebuild(person.log, event)).equal
        sent = [str(one.body["messages"]) for one in provider.journal]
        assert ["<cue>" in one for one in sent] == [False, True, False]
        assert all("lighthouse is dark" in one for one in sent)
        assert "Reply 2" in sent[2]


async def test_a_turn_is_found_by_its_reference_its_id_and_its_message(settings: Settings, provider: FaultServer) -> None:
    async with room(with_provider(settings, provider.address)) as person:
        [turn] = await person.say("Remember this one, please", FIRST)
        end = await person.end(turn)
        assert await runner.wait_for(person.log.pool, ("turns",), await person.log.head(), seconds=60)
        for text in (str(turn), str(end.message_id), f"https://discord.com/channels/1/2/{end.message_id}"):
            assert [found.turn for found in await inspector.find(person.log, text)] == [turn]
        [found] = await inspector.find(person.log, str(turn))
        record = await inspector.record(person.log, found)
        assert [step.type for step in record.steps] == ["turn.requested", "turn.generation_started", "turn.completed"]
        assert record.end == end
        assert await inspector.find(person.log, "nosuchref0") == []


async def test_a_conversation_keeps_its_beginning_and_gives_up_a_quarter_at_once(settings: Settings, provider: FaultServer) -> None:
    async with room(with_provider(settings, provider.address)) as person:
        await person.preset("a/b", window=Window(max_messages=28))
        for number in range(18):
            [turn] = await person.say(f"This is message number {number} of a conversation that goes on.", FIRST)
            await person.end(turn)
        begins = [event.history_ids[0] for event in await generations(person)]
        lengths = [len(event.history_ids) for event in await generations(person)]
        assert len(set(begins)) == 2
        assert max(lengths) <= 29
        assert min(lengths[14:]) >= 20
        assert begins == sorted(begins)
        sent = [asked.body["messages"] for asked in provider.journal]
        for (earlier, later), (one, other) in zip(pairwise(sent), pairwise(begins), strict=True):
            if one == other:
                asked = later[len(earlier) - 1]
                assert later[: len(earlier) - 1] == earlier[:-1]
                assert earlier[-1]["content"].startswith(asked["content"])


async def test_a_turn_is_run_again_with_another_model_and_nothing_is_said_by_it(settings: Settings, provider: FaultServer) -> None:
    """F3: the same prompt, an answer kept as an experiment; the next prompt knows nothing of it, and asking again costs nothing."""
    async with room(with_provider(settings, provider.address)) as person:
        await person.preset("a/b")
        [turn] = await person.say("Hello.", FIRST)
        answered = await person.end(turn)
        job = job_id("experiment", str(turn))
        ask = Ask(job, "experiment", str(turn), {"turn": str(turn), "model": "c/d", "preset": ""})
        for _ in range(2):
            await execute(person.log, operator(), ask, job)
        key = ids.derived("experiment run", job)
        async with asyncio.timeout(30):
            while (recorded := await person.log.find(key)) is None:
                await asyncio.sleep(0.02)
        run = recorded.event
        assert isinstance(run, ExperimentRun)
        assert (run.model, run.equal) == ("c/d", True)
        assert isinstance(answered, TurnCompleted)
        assert run.text != answered.text
        first, second = [one.body for one in provider.journal]
        assert (first["messages"], first["model"], second["model"]) == (second["messages"], "a/b", "c/d")
        [later] = await person.say("And now?", FIRST)
        await person.end(later)
        assert run.text not in str(provider.journal[-1].body["messages"])
        assert len(provider.journal) == 3
