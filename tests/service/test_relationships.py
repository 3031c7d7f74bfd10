"""How people and characters stand to each other, and what follows from facts: met in prompts, gone with their sources (D12, D13)."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from psycopg.rows import class_row

from engine import seed
from engine.actor import person
from engine.config import Settings
from engine.decide.remembering.dreaming import UndoDream
from engine.decide.remembering.memory import Begin, Correct, ForgetMemory, ForgetSaid, MemoryPlace, Remember
from engine.events.channel import ConversationForked
from engine.events.message import MessageDeleted
from engine.events.turn import Usage
from engine.resources.places.forked import ForkedLine
from engine.store import open_log
from engine.vault import MasterKey
from projections.follow import verify
from projections.models import channels
from projections.models.memories import dreams, noted, relationships
from projections.models.memories.noted import Note
from projections.prompt.rebuild import rebuild
from projections.registry import named
from tests.support.memories import EVE, WREN, Spot, World
from worker.jobs import reflect, relate, summarize
from worker.jobs.running import GiveUp, RunningJob
from worker.memory.hot import Recaller
from worker.providers.chat import Completion
from worker.work import Work

SQUARE, ALONE, ABROAD, ADA, BRAM = Spot(501, 9), Spot(700), Spot(601, 10), 41, 42
FRIENDS = {"how": "old friends", "relationship": "Wren teases Ada about her boat."}


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        yield World(log, Recaller(log, full=False))


class Answers(RunningJob):
    """A job whose model answers what a function of its question says."""

    answer: Callable[[str], object]
    asked: list[str]

    async def call(self, model: str, messages: Any, **more: Any) -> Completion:
        self.asked.append(str(messages[-1]["content"]))
        return Completion(text=json.dumps(self.answer(self.asked[-1])), usage=Usage(cost=0.001))

    async def progress(self, done: int, total: int | None = None, cursor: Any = None, *, now: bool = False) -> None:
        """Nothing."""


def job(world: World, settings: Settings, answer: object) -> Answers:
    work = Work(settings.model_copy(update={"memory_model": "cheap"}), world.log, cast("Any", None), cast("Any", None), None)
    made = Answers(work, uuid4(), "test", "", 1)
    made.answer, made.asked = (lambda _: answer), []
    return made


async def readings(world: World, every: int = 4, spot: Spot = SQUARE) -> list[relate.BondReading]:
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        seen = next(one for one in await channels.seen(connection, venue="discord") if one.channel == spot.channel)
    return await relate.latest(world.log, seen, every, "")


async def talk(world: World, text: str, spot: Spot = SQUARE, by: UUID = WREN, times: int = 4) -> list[int]:
    """Ada says it and is answered, so many times."""
    said = [await world.say(spot, f"{text} {number}") for number in range(times)]
    for message in said:
        await world.answer(message, "Ah, the boat again.", by=by)
    return said


async def between(world: World, spot: Spot = SQUARE, reader: UUID = WREN, by: int = ADA) -> str:
    """What stands in the next prompt of how they stand to each other; the same bytes come out of the log again."""
    prompt, started = await world.prompt(await world.say(spot, "hello", by=by), reader, by)
    assert (await rebuild(world.log, started)).equal
    text = prompt.bytes().decode()
    return text.partition('<memory kind=\\"relationship\\"')[2].partition("</memory>")[0]


async def test_how_they_stand_to_each_other_is_read_once_and_stands_in_their_prompts_alone(world: World, settings: Settings) -> None:
    """An event with sources, model, version and cost. Not in another's prompt, another character's, another server's, nor while fresh."""
    said = await talk(world, "My boat leaks.")
    await world.say(SQUARE, "I am Bram.", by=BRAM)
    [one] = await readings(world)
    first = job(world, settings, FRIENDS)
    assert (await relate.make(first, one), await relate.make(first, one), len(first.asked)) == (1, 0, 1)
    assert "My boat leaks. 0" in first.asked[0]
    assert "Bram" not in first.asked[0], "what others said beside it is nothing between these two"
    [note] = await stored(world)
    assert (note.origin, note.person, note.character, note.model, note.cost) == ("relationship", ADA, WREN, "cheap", 0.001)
    event = await world.log.find(note.memory)
    assert event is not None
    assert (len(cast("Any", event.event).sources), cast("Any", event.event).prompt_version) == (8, 1)
    assert "old friends. Wren teases Ada" in await between(world)
    assert "old friends" in await between(world, ALONE), "what was said on a server is met in private talk with its person"
    others = [await between(world, ABROAD), await between(world, SQUARE, EVE), await between(world, SQUARE, WREN, BRAM)]
    assert others == ["", "", ""]
    async with world.log.pool.connection() as connection:
        [pair] = [one for one in await relationships.pairs(connection, ADA) if one.character == WREN]
        assert pair.newest == note.memory
        assert await noted.texts(connection, world.log.vault, [note.memory]) == {note.memory: note.text}
    await world.do(Begin(ADA, uuid4(), "fresh", world.at), person(ADA))
    assert await between(world) == ""
    await world.append(MessageDeleted(message_id=said[0], channel_id=SQUARE.channel, guild_id=9, venue="discord"))
    await world.caught_up()
    assert [one.taken_back for one in await stored(world)] == [True]


async def test_the_newest_reading_is_met_and_a_forgotten_one_brings_no_older_back(world: World, settings: Settings) -> None:
    """Where the newest lost a source the former one is met; corrected, it says what its person says; a private talk is met in itself."""
    await talk(world, "My boat leaks.")
    [one] = await readings(world)
    await relate.make(job(world, settings, FRIENDS), one)
    said = await talk(world, "My boat sank.")
    [two] = await readings(world)
    assert two.number == 2
    await relate.make(job(world, settings, {"how": "rivals", "relationship": "They quarrel."}), two)
    assert "rivals" in await between(world)
    await world.do(ForgetSaid(ADA, said[0]), person(ADA))
    assert "old friends" in await between(world)
    await world.do(Correct(one.memory(), "We are cousins."), person(ADA))
    assert "We are cousins." in await between(world)
    await world.do(ForgetMemory(two.memory()), person(ADA))
    assert await between(world) == "", "its person wanted the newest gone, not the one before it back"
    await talk(world, "A secret.", ALONE)
    [alone] = await readings(world, spot=ALONE)
    await relate.make(job(world, settings, {"relationship": "They share a secret."}), alone)
    assert "share a secret" in await between(world, ALONE)
    assert await between(world) == ""
    with pytest.raises(GiveUp, match="did not say how"):
        await relate.make(job(world, settings, {"how": "x"}), relate.BondReading(alone.seen, alone.bond, 2, 2))


async def stored(world: World) -> list[Note]:
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        return await noted.of_person(connection, world.log.vault, None)


async def test_a_reflection_rests_on_facts_and_is_gone_with_any_of_them(world: World, settings: Settings) -> None:
    """Added by a dream, which undoing takes away; what rests on fewer than two lines is left out; nobody is asked twice."""
    said = [await world.say(SQUARE, f"I own boat {number}.") for number in range(5)]
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        [seen] = await channels.seen(connection, venue="discord")
    facts = {"summary": "Boats.", "facts": [{"line": line, "fact": f"Ada owns boat {line}."} for line in range(5)]}
    await summarize.make(job(world, settings, facts), summarize.Group(seen, summarize.GROUPINGS["5"], 0))
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        assert [tuple(one) for one in await noted.facts(connection, "", 5)] == [(ADA, SQUARE.channel, 5)]
    wrong = [
        {"from": [1], "text": "One."},
        {"from": [0, 99], "text": "Strange."},
        {"from": "x", "text": "None."},
        "nonsense",
        {"from": [1, True], "text": "y"},
    ]
    good = {"from": [0, 3], "text": "Ada owns several boats."}
    one = reflect.Reflection(ADA, SQUARE.channel, 5, 1)
    asked = job(world, settings, {"reflections": [*wrong, good]})
    assert (await reflect.make(asked, one), await reflect.make(asked, one), len(asked.asked)) == (1, 0, 1)
    assert "[0] Ada owns boat 0." in asked.asked[0]
    hello = await world.say(SQUARE, "hello")
    assert good["text"] in await world.met(hello)
    assert good["text"] not in await world.met(hello, by=BRAM)
    async with world.log.pool.connection() as connection:
        [dream] = await dreams.listed(connection, ADA)
    assert (dream.added, dream.why, dream.dream) == ([one.memory(0)], "reflection", one.dream)
    await world.do(UndoDream(one.dream), person(ADA))
    assert good["text"] not in await world.met(hello)
    two = reflect.Reflection(ADA, SQUARE.channel, 5, 2)
    await reflect.make(job(world, settings, {"reflections": [good]}), two)
    assert good["text"] in await world.met(hello)
    await world.append(MessageDeleted(message_id=said[3], channel_id=SQUARE.channel, guild_id=9, venue="discord"))
    assert good["text"] not in await world.met(hello)
    [left] = [note for note in await stored(world) if note.memory == two.memory(0)]
    assert left.taken_back, "also where lists show it"
    with pytest.raises(GiveUp, match="no list of reflections"):
        await reflect.make(job(world, settings, "I cannot."), reflect.Reflection(ADA, SQUARE.channel, 5, 3))
    assert (await verify.verify(world.log.dsn, [named("memory")]))[0].different == ()


async def test_a_fork_has_what_was_made_of_its_own_past(world: World, settings: Settings) -> None:
    """Summaries, facts, notes and how they stand to each other as of where it parts, without a call; what is made later is not met in it.

    Corrected or forgotten where it comes from, it is so in both.
    """
    said = await talk(world, "My boat leaks.", ALONE, times=5)
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        [seen] = await channels.seen(connection, venue="discord")
    made = job(world, settings, {"summary": "Boats.", "facts": [{"line": 0, "fact": "Ada owns a boat."}]})
    await summarize.make(made, summarize.Group(seen, summarize.GROUPINGS["5"], 0))
    await relate.make(job(world, settings, FRIENDS), (await readings(world, 5, ALONE))[0])
    kept = uuid4()
    await world.do(Remember(kept, ADA, MemoryPlace("discord", ALONE.channel), "The boat is red."), person(ADA))
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        statement = "SELECT position, asked, place FROM history.entries WHERE channel = 700 ORDER BY position"
        async with connection.cursor(row_factory=class_row(ForkedLine)) as cursor:
            lines = tuple(await (await cursor.execute(statement)).fetchall())
    about = {"channel_id": 701, "venue": "discord", "character_id": WREN, "by_user_id": ADA, "source_channel_id": 700}
    await world.append(ConversationForked.model_validate(about | {"at": await world.log.head(), "lines": lines}))
    await talk(world, "My boat sank.", ALONE, times=5)
    await world.caught_up()
    later = job(world, settings, {"summary": "Sunk.", "facts": [{"line": 0, "fact": "Ada lost a boat."}]})
    await summarize.make(later, summarize.Group(seen, summarize.GROUPINGS["5"], 1))
    await relate.make(job(world, settings, {"relationship": "They mourn."}), (await readings(world, 5, ALONE))[0])
    fork, other = Spot(701), Spot(702)
    hello, elsewhere = await world.say(fork, "hello"), await world.say(other, "hello")
    notes = {"Boats.", "Ada owns a boat.", "The boat is red."}
    assert notes <= set(await world.met(hello))
    assert not {"Sunk.", "Ada lost a boat."} & set(await world.met(hello))
    assert not notes & set(await world.met(elsewhere))
    assert "old friends" in await between(world, fork)
    assert "They mourn." in await between(world, ALONE)
    await world.do(ForgetMemory(kept), person(ADA))
    await world.do(ForgetSaid(ADA, said[0]), person(ADA))
    assert not notes & set(await world.met(hello))
    assert await between(world, fork) == ""
