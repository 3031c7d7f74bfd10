"""Summaries and facts of every fifty messages: from people's own words, by one call, gone with what they were made from (D1, D11)."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest

from bot import remembering
from engine import clock, ids, seed
from engine.actor import person
from engine.config import Settings
from engine.decide.remembering.dreaming import Dream
from engine.decide.remembering.memory import Correct, ForgetMemory, LockMemory, MemoryPlace, Remember
from engine.events.memory import MemoryNoted
from engine.events.message import MessageDeleted
from engine.store import open_log
from engine.vault import MasterKey
from projections.models import jobs
from projections.models.memories import groups, noted
from projections.models.memories.noted import Note
from tests.support.memories import Spot, World
from worker.jobs import summarize, tidy_memories
from worker.jobs.running import GiveUp, RunningJob
from worker.memory import dreams
from worker.providers.chat import Completion
from worker.work import Work

SQUARE, ADA, BRAM = Spot(501, 9), 41, 42


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        yield World(log)


class Scripted(RunningJob):
    """A job whose model answers what it is told to."""

    answer: str
    asked: list[str]

    async def progress(self, done: int, total: int | None = None, cursor: Any = None, *, now: bool = False) -> None:
        """Nothing is recorded: nobody asked for this job."""

    async def call(self, model: str, messages: Any, **more: Any) -> Completion:
        self.asked.append(str(messages[-1]["content"]))
        return Completion(text=self.answer)


def job(world: World, settings: Settings, answer: str, number: int = 0) -> Scripted:
    work = Work(
        settings.model_copy(update={"memory_model": "cheap", "memory_facts_every": 0}),
        world.log,
        cast("Any", None),
        cast("Any", None),
        None,
    )
    made = Scripted(work, uuid4(), summarize.NAME, f"discord:{SQUARE.channel}:{number}", 1)
    made.answer, made.asked = answer, []
    return made


ANSWER = "Here you are: " + json.dumps(
    {
        "summary": "They talked about Oslo.",
        "facts": [
            {"line": 3, "fact": "Ada lives in Oslo."},
            {"line": 6, "fact": "Ada owes Wren money."},
            {"line": 999, "fact": "Nobody said this."},
            {"line": True, "fact": "x"},
            {"line": 4, "fact": " "},
            "nonsense",
        ],
    }
)


async def test_a_group_is_summarized_once_from_what_people_said(world: World, settings: Settings) -> None:
    """What only a character said, or nobody, becomes no fact; a second attempt asks nobody; what its source loses is met no more."""
    said = []
    for number in range(50):
        said.append(await world.say(SQUARE, "I live in Oslo." if number == 3 else f"Message {number}", by=BRAM if number % 2 else ADA))
        if number == 3:
            await world.answer(said[-1], "Oslo, how lovely.")
        if number == 4:
            await world.answer(said[-1], "You owe me money.")
    asked = await world.say(SQUARE, "hello")
    await world.caught_up()
    first = job(world, settings, ANSWER)
    assert await summarize.run(first) == {"made": 2}
    assert "[3] Person 42: I live in Oslo." in first.asked[0]
    again = job(world, settings, ANSWER)
    assert await summarize.run(again) == {"made": 0}
    assert again.asked == []
    met = await world.met(asked, by=BRAM)
    assert {"Ada lives in Oslo.", "They talked about Oslo."} <= set(met)
    notes = {note.origin: note for note in await stored(world)}
    assert (notes["fact"].person, notes["summary"].model, len(notes)) == (BRAM, "cheap", 2)
    await world.do(Correct(notes["fact"].memory, "Bram lives in Bergen."), person(BRAM))
    met = await world.met(asked)
    assert "Bram lives in Bergen." in met
    assert not [text for text in met if "Oslo" in text], "neither the fact, nor its source, nor the answer to that, nor the summary"
    await world.do(ForgetMemory(notes["fact"].memory), person(BRAM))
    assert not [text for text in await world.met(asked) if "Bergen" in text or "Oslo" in text]


async def test_small_groups_lose_nothing_of_a_busy_half_hour(world: World, settings: Settings) -> None:
    """Of 5, 10 or 50 messages, or by time: every message in one group, each complete group asked for, once."""
    world.at = clock.now() - timedelta(hours=1, minutes=40)
    said = {await world.say(SQUARE, f"Message {number}") for number in range(63)}
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        for name, grouping in summarize.GROUPINGS.items():
            numbers = await groups.closed(connection, SQUARE.channel, grouping, clock.now() + timedelta(days=2))
            whole = [one.message_id for number in numbers for one in await groups.spoken(connection, SQUARE.channel, grouping, number)]
            assert len(whole) == len(set(whole)) == (63 // grouping.size * grouping.size if grouping.size else 63), name
            assert set(whole) <= said
    for size, found in (("5", 12), ("10", 6), ("50", 1)):
        due = job(world, settings, "")
        due.work = Work(due.work.settings.model_copy(update={"memory_summaries": size}), world.log, *cast("Any", (None, None, None)))
        assert await summarize.ask_due(due) == {"asked": found}, size
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        asked = await jobs.recent(connection, name=summarize.NAME, limit=100)
    assert len(asked) == 12 + 6 + 1, "groups of another size are other jobs"


async def test_the_oldest_of_many_memories_is_found(world: World) -> None:
    """By its name and by its words, on every face: nobody has to forget newer ones first."""
    about = {"user_id": ADA, "venue": "discord", "text": "I keep bees."}
    first, *others = [MemoryNoted.model_validate(about | {"memory_id": ids.derived("many", number)}) for number in range(1_001)]
    await world.append(first.model_copy(update={"text": "I keep wasps."}), *others)
    await world.caught_up()
    assert (await remembering.find(world.log, ADA, first.memory_id.hex[-8:])).text == "I keep wasps."
    assert [note.memory for note in await remembering.notes(world.log, ADA, words="wasps")] == [first.memory_id]


async def test_a_summary_goes_with_any_of_its_messages(world: World, settings: Settings) -> None:
    """And one that is no JSON makes nothing."""
    said = [await world.say(SQUARE, f"Message {number}") for number in range(50)]
    asked = await world.say(SQUARE, "hello")
    await world.caught_up()
    with pytest.raises(GiveUp, match="no summary"):
        await summarize.run(job(world, settings, "I cannot do that."))
    await summarize.run(job(world, settings, '{"summary": "They counted.", "facts": []}'))
    assert "They counted." in await world.met(asked)
    await world.append(MessageDeleted(message_id=said[7], channel_id=SQUARE.channel, guild_id=9, venue="discord"))
    assert "They counted." not in await world.met(asked)


SAME = ((0, "Ada likes tea."), (2, "Ada just likes tea."))
TEA = {"summary": "They told of tea.", "facts": [{"line": line, "fact": fact} for line, fact in SAME]}


async def test_what_was_made_of_a_deleted_message_is_neither_met_nor_shown(world: World, settings: Settings) -> None:
    """A reply to it stands. What a dream hid in its favour stands by its own source, is met again, and is hidden behind nothing deleted."""
    said = [await world.say(SQUARE, f"I like tea, {number}.") for number in range(50)]
    await world.answer(said[0], "So you like tea.")
    await world.caught_up()
    await summarize.run(job(world, settings, json.dumps(TEA)))
    kept, hidden = sorted((note for note in await stored(world) if note.origin == "fact"), key=lambda note: note.position)
    await world.do(Dream(uuid4(), ADA, ((hidden.memory, kept.memory),), 50))
    asked = await world.say(SQUARE, "hello")
    met = await world.met(asked)
    assert kept.text in met
    assert hidden.text not in met
    await world.append(MessageDeleted(message_id=said[0], channel_id=SQUARE.channel, guild_id=9, venue="discord"))
    met = await world.met(asked)
    assert not {kept.text, "They told of tea.", "I like tea, 0."} & set(met)
    assert {hidden.text, "So you like tea."} <= set(met)
    after = await stored(world)
    assert {note.text for note in after} == {noted.WITHHELD, hidden.text}
    assert dreams.same(after) == []


async def test_a_model_reads_nobody_more_often_than_a_day_allows(world: World, settings: Settings) -> None:
    """What others said is read on; the job says how many were left out, and each person how often they were read."""
    for number in range(10):
        await world.say(SQUARE, f"Message {number}", by=ADA if number < 7 else BRAM)
    await world.caught_up()
    few = settings.model_copy(update={"memory_calls_a_day": 1})
    results, told = [], []
    for number in range(2):
        one = job(world, few, '{"summary": "They counted.", "facts": []}', number)
        one.parameters = {"grouping": "5"}
        results.append(await summarize.run(one))
        told += one.asked
        await world.caught_up()
    assert results == [{"made": 1}, {"made": 1, "left_out": "1 people: MEMORY_CALLS_A_DAY"}]
    assert "Message 6" not in told[1]
    assert "[2] Person 42: Message 9" in told[1]
    assert "today 1 times" in await remembering.status(world.log, ADA, {}, world.at)


async def test_too_many_notes_are_put_aside_the_least_valuable_first(world: World, settings: Settings) -> None:
    """By events, told to their person, once each; what is hidden goes first, what is locked never; corrected, a note is met again."""
    place, notes = MemoryPlace("discord", SQUARE.channel, SQUARE.guild), [uuid4() for _ in range(6)]
    for number, memory in enumerate(notes):
        await world.do(Remember(memory, ADA, place, f"Note {number}."))
    await world.do(LockMemory(notes[0]))
    await world.do(Dream(uuid4(), ADA, ((notes[5], notes[4]),), 50))
    asked = await world.say(SQUARE, "hello")
    assert {"Note 0.", "Note 1."} <= set(await world.met(asked))
    tidy = Scripted(job(world, settings.model_copy(update={"memory_most": 4}), "").work, uuid4(), tidy_memories.NAME, "", 1)
    assert await tidy_memories.run(tidy) == {"removed": 0, "put_aside": 2}
    assert {text for text in await world.met(asked) if "Note" in text} == {f"Note {number}." for number in (0, 2, 3, 4)}
    assert await tidy_memories.run(tidy) == {"removed": 0, "put_aside": 0}
    assert "6 memories are noted besides what was said, 2 of them put aside" in await remembering.status(world.log, ADA, {})
    await world.do(Correct(notes[1], "Note one."))
    assert "Note one." in await world.met(asked)


async def stored(world: World) -> list[Note]:
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        return await noted.of_person(connection, world.log.vault, None)
