"""Summaries and facts of every fifty messages: from people's own words, by one call, gone with what they were made from (D1, D11)."""

import json
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import uuid4

import pytest

from engine import seed
from engine.actor import person
from engine.config import Settings
from engine.decide.remembering.memory import Correct, ForgetMemory
from engine.events.message import MessageDeleted
from engine.store import open_log
from engine.vault import MasterKey
from projections.models.memories import noted
from projections.models.memories.noted import Note
from tests.support.memories import Spot, World
from worker.jobs import summarize
from worker.jobs.running import GiveUp, RunningJob
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

    async def call(self, model: str, messages: Any, **more: Any) -> Completion:
        self.asked.append(str(messages[-1]["content"]))
        return Completion(text=self.answer)


def job(world: World, settings: Settings, answer: str, number: int = 0) -> Scripted:
    work = Work(settings.model_copy(update={"memory_model": "cheap"}), world.log, cast("Any", None), cast("Any", None), None)
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


async def stored(world: World) -> list[Note]:
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        return await noted.of_person(connection, world.log.vault, None)
