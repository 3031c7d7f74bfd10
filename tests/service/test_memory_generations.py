"""Summaries, facts and vectors made anew beside those that are met: compared, switched to, switched back from (D2, D14)."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast
from uuid import uuid4

import pytest

from bot import remembering
from engine import clock, seed
from engine.actor import person
from engine.config import Settings
from engine.decide.remembering.dreaming import UndoDream
from engine.decide.remembering.memory import ChooseGeneration, Correct, MemoryPlace, Remember
from engine.events.turn import TurnRequested
from engine.store import open_log
from engine.store.connect import pool
from engine.vault import MasterKey
from projections.models.memories import generations, noted
from projections.models.memories.groups import Grouping, closed, spoken
from projections.prompt.sections import remembered
from tests.support.memories import WREN, Spot, World
from tests.unit.memory.support import WordEmbedder
from worker.jobs import dream, embed_memories, experiment, resummarize, summarize
from worker.jobs.running import GiveUp, RunningJob
from worker.memory import compare, embed
from worker.memory.engine import Engine
from worker.memory.hot import Recaller
from worker.providers.chat import Completion
from worker.work import Work

SQUARE, OTHER, ADA = Spot(501, 9), Spot(502, 9), 41


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        yield World(log, Recaller(log, full=False))


class Killed(RunningJob):
    """A job whose model answers with its own name, and which dies after `lives` calls; `asked` counts each question ever asked."""

    asked: Counter[str]
    lives: int

    async def call(self, model: str, messages: Any, **more: Any) -> Completion:
        if self.lives == 0:
            raise asyncio.CancelledError
        self.lives -= 1
        self.asked[str(messages[-1]["content"])] += 1
        return Completion(text=json.dumps({"summary": f"Summary by {model}.", "facts": [{"line": 0, "fact": f"Fact by {model}."}]}))

    async def progress(self, done: int, total: int | None = None, cursor: Any = None, *, now: bool = False) -> None:
        """Nothing is recorded: the worst a death can find."""


def job(world: World, settings: Settings, kind: type[RunningJob], name: str, **parameters: Any) -> Any:
    work = Work(
        settings.model_copy(update={"memory_model": "cheap", "memory_facts_every": 0}),
        world.log,
        cast("Any", None),
        cast("Any", None),
        None,
    )
    return kind(work, uuid4(), name, "", 1, parameters=parameters)


async def test_a_generation_survives_two_deaths_is_switched_to_and_back(world: World, settings: Settings) -> None:
    """No question is asked twice; nothing of it is met before it is chosen; a correction holds in both; going back is as it was."""
    for spot in (SQUARE, OTHER):
        for number in range(20):
            await world.say(spot, f"Message {number} of {spot.channel}")
    await world.caught_up()
    first = job(world, settings, Killed, "resummarize", model="cheap", grouping="10")
    first.asked, first.lives = Counter(), 99
    for group in await resummarize.all_groups(world.log, "", "10"):
        await summarize.make(first, group)
    asked = await world.say(SQUARE, "hello")
    before = sorted(await world.met(asked))
    assert "Fact by cheap." in before
    takes = await resummarize.estimate(world.log, "better", "10")
    assert (takes.groups, takes.made, takes.prompt_tokens > 400) == (4, 0, True)
    told = await resummarize.run(job(world, settings, Killed, "resummarize", model="better", grouping="10", preview=True))
    assert told == {"calls": 4, "groups": 4, "cost": "unknown", "seconds": 12}
    questions = Counter[str]()
    for lives in (1, 2, 9):
        again = job(world, settings, Killed, "resummarize", model="better", grouping="10", switch=lives == 9)
        again.asked, again.lives = questions, lives
        if lives < 9:
            with pytest.raises(asyncio.CancelledError):
                await resummarize.run(again)
            assert sorted(await world.met(asked)) == before
        else:
            assert (await resummarize.run(again))["switched"]
    assert set(questions.values()) == {1}
    assert len(questions) == 4
    after = sorted(await world.met(asked))
    assert [text for text in after if "cheap" in text] == []
    assert sum("better" in text for text in after) == 4, "a summary and a fact of both groups of this channel"
    async with world.log.pool.connection() as connection:
        notes = await noted.of_person(connection, world.log.vault, ADA)
        found = {(one.name, one.chosen, one.summaries) for one in await generations.listed(connection, "") if one.kind == "summary"}
    assert found == {("", False, 4), ("better", True, 4)}
    fact = next(note for note in notes if note.text == "Fact by better." and note.channel == SQUARE.channel)
    await world.do(Correct(fact.memory, "Corrected by hand."), person(ADA))
    await world.do(ChooseGeneration("summary", ""))
    back = await world.met(asked)
    assert "Corrected by hand." in back, "what a person's hand is on is met in every generation"
    assert set(back) - {"Corrected by hand."} < set(before), "but what the corrected was made from"
    assert sum("cheap" in text for text in back) == 2, "the other group's; this one's summary and fact hold the corrected line"
    await world.answer(asked, "Hi.")
    await world.caught_up()
    [compared] = await compare.compare(world.log, "summary", "", "better", questions=5)
    assert compared.question == "hello"
    assert compared.shared < 1
    about = await world.say(SQUARE, "What is the fact, and what the summary?")
    await world.caught_up()
    anew = await _recalled_by(world, settings, about, "better")
    assert "better" in anew
    assert "cheap" not in anew
    assert "cheap" in await _recalled_by(world, settings, about, "")


async def _recalled_by(world: World, settings: Settings, asked: int, generation: str | None, vectors: str = "") -> str:
    """What an experiment finds for a turn with the memories of a generation, by the vectors of another one (F3)."""
    turn = TurnRequested(
        turn_id=uuid4(),
        message_id=asked,
        channel_id=SQUARE.channel,
        guild_id=SQUARE.guild,
        user_id=ADA,
        character_id=WREN,
        venue="discord",
        trigger="name",
        reason="called by name",
        slot=0,
    )
    async with pool(world.log.dsn, size=2) as own:
        recall = Recaller(world.log.over(own), full=False)
        again = job(world, settings, RunningJob, "experiment")
        again.work = replace(again.work, recall=recall)
        try:
            found = await experiment.recalled(again, turn, (), generation, vectors)
        finally:
            await recall.close()
    contents = await remembered.contents(world.log, [ref for ref in found.refs if not ref.startswith("c:")])
    return " ".join(one.text for one in contents)


async def test_every_message_is_in_one_closed_group(world: World) -> None:
    """By number and by time, and none in a group that may still grow."""
    for number in range(23):
        await world.say(SQUARE, f"Message {number}")
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        for grouping, complete in ((Grouping(size=5), 20), (summarize.GROUPINGS["1h"], 23)):
            seen = Counter[int]()
            for number in await closed(connection, SQUARE.channel, grouping, clock.now()):
                seen.update(one.position for one in await spoken(connection, SQUARE.channel, grouping, number))
            assert (len(seen), set(seen.values())) == (complete, {1})
        assert not await closed(connection, SQUARE.channel, summarize.GROUPINGS["24h"], world.at)


class Named(WordEmbedder):
    """Stands in for an embedder of that name, and counts the texts."""

    texts = 0
    loaded: ClassVar[list[str]] = []

    def __init__(self, name: str) -> None:
        self.name = name
        Named.loaded.append(name)

    def embed(self, texts: Sequence[str]) -> list[embed.Embedded]:
        Named.texts += len(texts)
        return super().embed(texts)


async def test_vectors_of_another_embedder_are_made_beside_and_chosen(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run embeds nothing; once chosen, recall uses them without embedding a memory again, and goes back as easily."""
    one, two = embed.EMBEDDERS
    names = {model: name for name, model in embed.EMBEDDERS.items()}
    monkeypatch.setattr(embed, "load", lambda *_, name="all-MiniLM-L6-v2.int8", **__: Named(names[name]))
    for number in range(45):
        await world.say(SQUARE, f"Filler {number}" if number != 3 else "My grandmother's boat is called Halcyon.")
    await world.caught_up()
    assert (await embed_memories.estimate(world.log, two))[0] == 45
    Named.texts = 0
    assert (await embed_memories.run(job(world, settings, Quiet, "embed_memories", vectors=two)))["made"] == 45
    assert (await embed_memories.run(job(world, settings, Quiet, "embed_memories", vectors=two, switch=True)))["made"] == 0
    assert Named.texts == 45
    world.recall = recaller = Recaller(world.log)
    prompt, _ = await world.prompt(await world.say(SQUARE, "What is the boat of my grandmother called?"))
    assert b"Halcyon" in prompt.bytes()
    assert recaller._engine is not None
    assert cast("Any", recaller._engine.embedder).name == two
    assert Named.texts == 45 + 1, "the question"
    await world.do(ChooseGeneration("vectors", ""))
    asked = await world.say(SQUARE, "And the boat?")
    await world.prompt(asked)
    assert cast("Any", recaller._engine.embedder).name == one
    Named.loaded.clear()
    assert "Halcyon" in await _recalled_by(world, settings, asked, None, two)
    assert Named.loaded == [two]
    with pytest.raises(GiveUp, match="no embedder of that name"):
        await _recalled_by(world, settings, asked, None, "nobody's")
    async with world.log.pool.connection() as connection:
        assert sorted(await generations.embedded(connection)) == sorted([one, two])
    await recaller.close()


class Quiet(RunningJob):
    """A job that tells nobody."""

    async def progress(self, done: int, total: int | None = None, cursor: Any = None, *, now: bool = False) -> None:
        """Nothing."""


def test_the_engines_names_are_those_that_can_be_chosen() -> None:
    """What an embedder calls its vectors is the name of their generation."""
    assert list(embed.EMBEDDERS) == [f"all-MiniLM-L6-v2.{kind}.v1.128" for kind in ("int8", "float")]
    assert Engine(Named("x")).embedder is not None


async def test_a_dream_hides_and_undoing_it_brings_back_the_same_tables(world: World, settings: Settings) -> None:
    """At most two of a hundred a day; what it hid is met no more, and is met again when it is taken back; nothing else has changed."""
    for number in range(100):
        text = "I keep bees." if number in (3, 50, 90) else f"I counted {number} stars."
        await world.do(Remember(uuid4(), ADA, MemoryPlace("discord", SQUARE.channel, 9), text), person(ADA))
    asked = await world.say(SQUARE, "hello")
    before = await world.met(asked)
    fingerprint = await _fingerprint(world, asked)
    assert before.count("I keep bees.") == 3
    assert (await dream.run(job(world, settings, Quiet, "dream")))["hidden"] == 2
    dreamed = await world.met(asked)
    assert dreamed.count("I keep bees.") == 1
    assert set(dreamed) == set(before)
    [(found, pairs)] = await remembering.dreamed(world.log, ADA)
    assert len(pairs) == 2
    assert all("I keep bees." in line for pair in pairs for line in pair)
    assert found.name in remembering.told([(found, pairs)])
    assert await remembering.dreamed(world.log, 42) == []
    assert await _fingerprint(world, asked) != fingerprint
    await world.do(UndoDream((await remembering.find_dream(world.log, ADA, found.name)).dream), person(ADA))
    assert await world.met(asked) == before
    assert await _fingerprint(world, asked) == fingerprint


async def _fingerprint(world: World, asked: int) -> str:
    """A hash of all that is met, and of all that is noted with what holds of it."""
    met = await world.met(asked)
    async with world.log.pool.connection() as connection:
        notes = await noted.of_person(connection, world.log.vault, None)
    return hashlib.sha256(repr((met, notes)).encode()).hexdigest()
