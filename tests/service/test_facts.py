"""Facts of every six turns: what the model found in people's own words and nothing else; a newer one takes an older one's place (D11)."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest

from bot import remembering
from engine import clock, seed
from engine.actor import person
from engine.config import Settings
from engine.decide.remembering.memory import Correct, ForgetMemory
from engine.events.memory import FactsExtracted, MemoryNoted
from engine.events.message import MessageDeleted
from engine.events.turn import Usage
from engine.store import Query, open_log
from engine.vault import MasterKey
from projections.models import jobs
from projections.models.memories import generations, noted
from projections.models.memories.noted import Note
from tests.support.labelled import LINES
from tests.support.memories import Spot, World
from worker.jobs import extract, reflect, resummarize
from worker.jobs.extract import TurnsReading
from worker.jobs.running import GiveUp, RunningJob
from worker.providers.chat import Completion
from worker.work import Work

SQUARE, ALONE, ADA, BRAM, CLEO, BOT = Spot(501, 9), Spot(700), 41, 42, 43, 44


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        yield World(log)


class Scripted(RunningJob):
    """A job whose model answers what a function says of its numbered lines."""

    answer: Callable[[Sequence[str]], object]
    asked: list[str]
    told: str = ""

    async def progress(self, done: int, total: int | None = None, cursor: Any = None, *, now: bool = False) -> None:
        """Nothing is recorded: nobody asked for this job."""

    async def call(self, model: str, messages: Any, **more: Any) -> Completion:
        self.asked.append(str(messages[-1]["content"]))
        self.told = str(messages[0]["content"])
        return Completion(text=json.dumps(self.answer(self.asked[-1].splitlines())), usage=Usage(cost=0.0001))


def job(world: World, settings: Settings, answer: Callable[[Sequence[str]], object], about: str = "", **parameters: Any) -> Scripted:
    work = Work(settings.model_copy(update={"memory_model": "cheap"}), world.log, cast("Any", None), cast("Any", None), None)
    made = Scripted(work, uuid4(), extract.NAME, about, 1, parameters=parameters)
    made.answer, made.asked = answer, []
    return made


async def readings(world: World, spot: Spot = SQUARE, generation: str = "") -> list[TurnsReading]:
    await world.caught_up()
    return [one for one in await resummarize.all_turns(world.log, generation, 6) if one.seen.channel == spot.channel]


async def stored(world: World) -> list[Note]:
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        return [one for one in await noted.of_person(connection, world.log.vault, None) if one.origin == "fact"]


def labels(lines: Sequence[str]) -> object:
    """The labels of all lines that have one, whoever said them."""
    known = {one.text: one for one in LINES}
    found = list[object]()
    for number, line in enumerate(lines):
        label = known.get(line.partition(": ")[2].removeprefix("So: "))
        if label is not None and label.fact:
            found.append({"line": number, "fact": label.fact, "about": [label.about], "weight": 0.9})
    return {"facts": found}


async def test_what_the_model_found_in_peoples_lines_is_noted_and_nothing_else(world: World, settings: Settings) -> None:
    """Two hundred labelled lines of three people: each label once, of who said it, with its line as source; none of a character or bot."""
    wanted = dict[int, tuple[int, str, str]]()
    for number, line in enumerate(LINES):
        who = (ADA, BRAM, CLEO)[number % 3]
        message = await world.say(SQUARE, line.text, by=who)
        if line.fact:
            wanted[message] = (who, line.fact, line.about)
        if number % 10 == 0:
            await world.answer(message, f"So: {line.text}", to=who)
    for line in LINES[:4]:
        await world.say(SQUARE, line.text, by=BOT, author_kind="bot")
    asked = list[str]()
    for reading in await readings(world):
        one = job(world, settings, labels)
        await extract.make(one, reading)
        asked += one.asked
    assert len(asked) == 34
    assert "So: " in "".join(asked), "a model sees what a character answered"
    notes = {event.sources[0].message_id: event for event in await _events(world) if isinstance(event, MemoryNoted)}
    assert {message: (one.user_id, one.text, *one.entities) for message, one in notes.items()} == wanted
    assert len(await stored(world)) == len(wanted) == 100
    assert {one.salience for one in notes.values()} == {0.9}
    read = [event for event in await _events(world) if isinstance(event, FactsExtracted)]
    assert (len(read), sum(len(one.facts) for one in read), sum(one.withheld for one in read)) == (34, 100, 0)
    assert {(one.model, one.prompt_version, one.cost) for one in read} == {("cheap", extract.PROMPT_VERSION, 0.0001)}
    async with world.log.pool.connection() as connection:
        [listed] = [one for one in await generations.listed(connection, "") if one.kind == "summary"]
    assert (listed.facts, round(listed.cost or 0, 6)) == (100, 0.0034)


async def _events(world: World) -> list[object]:
    return [one.event async for one in world.log.read(Query(types=frozenset({"memory.noted", "memory.extracted"})))]


def home(town: str, line: int = 0) -> Callable[[Sequence[str]], object]:
    return lambda _: {"facts": [{"line": line, "fact": f"Ada lives in {town}.", "about": [town], "slot": " Home. "}]}


async def six(world: World, text: str, spot: Spot = SQUARE, by: int = ADA) -> int:
    """Six turns, of which the first says something; its message."""
    said = await world.say(spot, text, by=by)
    for _ in range(5):
        await world.say(spot, "Hm.", by=by)
    return said


async def met(world: World, by: int = ADA, spot: Spot = SQUARE) -> set[str]:
    return {text for text in await world.met(await world.say(spot, "hello", by=by), by=by) if text.startswith("Ada lives")}


async def test_a_newer_fact_takes_the_place_of_an_older_one_of_its_slot(world: World, settings: Settings) -> None:
    """Of that person alone, as long as what it was made of stands; lists say so; what follows from the older does not follow any more."""
    for text in ("I live in Oslo.", "I moved to Bergen."):
        newer = await six(world, text)
    await six(world, "She lives in Rome, I am told.", by=BRAM)
    oslo, bergen, rome = await readings(world)
    await extract.make(job(world, settings, home("Oslo")), oslo)
    await world.caught_up()
    await extract.make(job(world, settings, home("Bergen")), bergen)
    await extract.make(job(world, settings, home("Rome")), rome)
    notes = {one.text[13:-1]: one for one in await stored(world)}
    assert {town: (one.person, one.replaced, one.entities) for town, one in notes.items()} == {
        "Oslo": (ADA, True, ("Oslo",)),
        "Bergen": (ADA, False, ("Bergen",)),
        "Rome": (BRAM, False, ("Rome",)),
    }
    event = await world.log.find(bergen.memory(1))
    assert event is not None
    assert cast("Any", event.event).supersedes == (oslo.memory(1),)
    assert await met(world) == {"Ada lives in Bergen.", "Ada lives in Rome."}
    assert "replaced by a newer one" in await remembering.viewed(world.log, notes["Oslo"])
    one = reflect.Reflection(ADA, SQUARE.channel, 1, 2)
    assert await reflect.make(job(world, settings, lambda _: {"reflections": []}), one) == 0, (
        "one fact is left, and nothing follows from one"
    )
    await world.append(MessageDeleted(message_id=newer, channel_id=SQUARE.channel, guild_id=9, venue="discord"))
    assert await met(world) == {"Ada lives in Oslo.", "Ada lives in Rome."}
    assert not {one.text: one for one in await stored(world)}["Ada lives in Oslo."].replaced


async def test_what_holds_for_a_time_only_is_met_until_then(world: World, settings: Settings) -> None:
    """Then what it took the place of is met again, and lists say that it is over; the model is told which day it is."""
    for text in ("I live in Oslo.", "Until tomorrow I live in Bergen."):
        await six(world, text)
    oslo, bergen = await readings(world)
    await extract.make(job(world, settings, home("Oslo")), oslo)
    await world.caught_up()
    asked = job(world, settings, lambda _: {"facts": [{"line": 0, "fact": "Ada lives in Bergen.", "slot": "home", "until": "2026-03-02"}]})
    await extract.make(asked, bergen)
    assert "The lines were said on Sunday, 2026-03-01." in asked.told
    assert await met(world) == {"Ada lives in Bergen."}
    world.at += timedelta(days=2)
    assert await met(world) == {"Ada lives in Oslo."}
    notes = {one.text[13:-1]: one for one in await stored(world)}
    assert {town: (one.replaced, one.ended) for town, one in notes.items()} == {"Oslo": (False, False), "Bergen": (False, True)}
    assert "held until 2026-03-03 00:00 UTC" in await remembering.viewed(world.log, notes["Bergen"])
    await world.do(Correct(bergen.memory(1), "Ada lives in Bergen for good."), person(ADA))
    assert await met(world) == {"Ada lives in Bergen for good."}, "what a person says themselves has no end"


async def test_what_a_person_corrected_stands_against_any_model(world: World, settings: Settings) -> None:
    """Said again elsewhere, or found by another summarizer, the old value is not noted; nor is what is older than what stands."""
    for text in ("I live in Oslo.", "My flat in Oslo is small."):
        await six(world, text)
    await six(world, "Oslo is home.", ALONE)
    first, second = await readings(world)
    [alone] = await readings(world, ALONE)
    await extract.make(job(world, settings, home("Oslo")), first)
    await world.caught_up()
    await world.do(Correct(first.memory(1), "Ada lives in Bergen."), person(ADA))
    await world.caught_up()
    for reading in (second, alone, *await readings(world, generation="better")):
        assert await extract.make(job(world, settings, home("Oslo")), reading) == [], "its person says otherwise"
    assert await met(world) == await met(world, spot=ALONE) == {"Ada lives in Bergen."}
    withheld = [one.withheld for one in await _events(world) if isinstance(one, FactsExtracted)]
    assert withheld == [0, 1, 1, 1, 1], "it is on the record that something was not noted, and not what"
    await world.do(ForgetMemory(first.memory(1)), person(ADA))
    assert await met(world) == set()
    await six(world, "I live in Lund.")
    late = (await readings(world))[-1]
    await extract.make(job(world, settings, home("Lund")), late)
    await world.caught_up()
    [older] = [one for one in await readings(world) if one.number == 2]
    assert await extract.make(job(world, settings, home("Rome")), older) == []
    assert await met(world) == {"Ada lives in Lund."}


async def test_a_reflection_is_one_of_the_readings_of_a_day(world: World, settings: Settings) -> None:
    """A model that has read enough of somebody on a day is asked nothing more of them, and what it was asked counts."""
    for text in ("I keep bees.", "I sell honey."):
        await six(world, text)
    for number, reading in enumerate(await readings(world)):
        await extract.make(job(world, settings, lambda _, n=number: {"facts": [{"line": 0, "fact": f"fact {n}"}]}), reading)  # type: ignore[misc]  # a default of a lambda has no type
    await world.caught_up()

    async def reflected(number: int, most: int) -> int:
        some = settings.model_copy(update={"memory_calls_a_day": most})
        once = job(world, some, lambda _: {"reflections": [{"from": [0, 1], "text": "Bees feed Ada."}]})
        with clock.frozen(world.at):
            made = await reflect.make(once, reflect.Reflection(ADA, SQUARE.channel, 1, number))
        assert len(once.asked) == made
        await world.caught_up()
        return made

    assert [await reflected(2, 2), await reflected(2, 3), await reflected(3, 3)] == [0, 1, 0]


async def test_turns_are_read_once_whatever_came_of_it(world: World, settings: Settings) -> None:
    """Also where nothing was found; no JSON is no reading; every six turns ask for a job, unless that is off or they were read."""
    world.at = clock.now()
    for _ in range(4):
        await six(world, "Nothing to see.")
    first, second, *_ = await readings(world)
    with pytest.raises(GiveUp, match="no list of facts"):
        await extract.make(job(world, settings, lambda _: "I cannot"), first)
    once = job(world, settings, lambda _: {"facts": []}, f"discord:{SQUARE.channel}:0", every=6)
    assert [await extract.run(once) for _ in range(2)] == [{"made": 0}] * 2
    assert len(once.asked) == 1
    busy = job(world, settings, lambda _: {"facts": []}, f"discord:{SQUARE.channel}:1", every=6)
    busy.work = Work(
        settings.model_copy(update={"memory_model": "cheap", "memory_calls_a_day": 1}), world.log, *cast("Any", (None, None, None))
    )
    await world.caught_up()
    assert await extract.run(busy) == {"made": 0, "left_out": "1 people: MEMORY_CALLS_A_DAY"}
    assert busy.asked == []
    assert second.group == "6:1"
    assert await extract.ask_due(job(world, settings, labels)) == {"asked": 3}
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        asked = sorted(one.about for one in await jobs.recent(connection, name=extract.NAME))
    assert asked == [f"discord:{SQUARE.channel}:{number}:6" for number in (1, 2, 3)]
    off = job(world, settings, labels)
    off.work = Work(
        settings.model_copy(update={"memory_model": "cheap", "memory_facts_every": 0}), world.log, *cast("Any", (None, None, None))
    )
    assert await extract.ask_due(off) == {"asked": 0}


async def test_another_summarizer_reads_all_turns_anew_and_dies_on_the_way(world: World, settings: Settings) -> None:
    """No question twice; its facts take each other's places though no read model moves while it runs; cost and time are known before."""
    for town in ("Oslo", "Bergen", "Lund", "Rome"):
        await six(world, f"I live in {town}.")
    await world.caught_up()
    takes = await resummarize.estimate(world.log, "better", "10", 6)
    assert (takes.groups, takes.made, takes.seconds) == (2 + 4, 0, 18.0)

    def answer(lines: Sequence[str]) -> object:
        said = [(number, line.rpartition("live in ")[2]) for number, line in enumerate(lines) if "live in" in line]
        found = [{"line": number, "fact": f"Ada lives in {town}", "slot": "home"} for number, town in said]
        return {"summary": "They talked.", "facts": found}

    asked = list[str]()
    for lives in (3, 99):
        one = job(world, settings, answer, model="better", grouping="10", every=6, switch=True)
        one.answer = _mortal(answer, lives)
        try:
            await resummarize.run(one)
        except KeyboardInterrupt:
            asked += one.asked[:-1]
            await world.caught_up()  # a dead job is taken up again after a while
        else:
            asked += one.asked
    assert (len(asked), len(set(asked))) == (6, 6)
    notes = {one.text: one.replaced for one in await stored(world)}
    assert notes == {"Ada lives in Oslo.": True, "Ada lives in Bergen.": True, "Ada lives in Lund.": True, "Ada lives in Rome.": False}
    assert await met(world) == {"Ada lives in Rome."}


def _mortal(answer: Callable[[Sequence[str]], object], lives: int) -> Callable[[Sequence[str]], object]:
    """The same answers, until so many were given."""
    left = iter(range(lives))

    def told(lines: Sequence[str]) -> object:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return answer(lines)

    return told
