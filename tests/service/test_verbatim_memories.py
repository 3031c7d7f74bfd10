"""Memories that another program kept word for word go through the summarizer: what is made of them is met as they are (D3)."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest

from engine import ids, seed
from engine.actor import person
from engine.config import Settings
from engine.decide.remembering.memory import ForgetMemory
from engine.events.memory import MemoryNoted
from engine.store import open_log
from engine.vault import MasterKey
from tests.service.test_facts import ADA, BRAM, SQUARE, Scripted, job
from tests.support.memories import EVE, WREN, World
from worker.jobs import resummarize, summarize_notes


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        yield World(log)


def memory(number: int) -> UUID:
    return ids.derived("verbatim", number)


async def kept(world: World, *numbers: int, by: int = ADA) -> None:
    about = {"user_id": by, "origin": "verbatim", "character_id": WREN, "channel_id": SQUARE.channel, "guild_id": SQUARE.guild}
    about |= {"venue": "discord"}
    for number in numbers:
        await world.append(MemoryNoted.model_validate(about | {"memory_id": memory(number), "text": f"Sail {number} was torn."}))
    await world.caught_up()


def counted(lines: Sequence[str]) -> object:
    return {"summary": f"They mended {len(lines)} sails, from {lines[0].split()[2]} on.", "facts": []}


async def made(world: World, settings: Settings) -> Scripted:
    await world.caught_up()
    once = job(world, settings, counted)
    await summarize_notes.run(once)
    await world.caught_up()
    return once


async def met(world: World, by: int = ADA, reader: UUID = WREN) -> list[str]:
    asked = await world.say(SQUARE, "hello", by=by)
    return sorted(text for text in await world.met(asked, reader, by) if text.startswith("They mended"))


async def test_ten_by_ten_they_are_summarized_once_and_stay(world: World, settings: Settings) -> None:
    """For its person and character alone; more of them make the last one anew, and what is forgotten takes its summary along."""
    await kept(world, *range(12))
    await kept(world, 100, by=BRAM)
    assert (await summarize_notes.estimate(world.log, "", "cheap")).groups == 2
    once = await made(world, settings)
    assert [len(asked.splitlines()) for asked in once.asked] == [10, 2]
    assert await met(world) == ["They mended 10 sails, from 0 on.", "They mended 2 sails, from 10 on."]
    assert await met(world, BRAM) == await met(world, reader=EVE) == []
    assert (await made(world, settings)).asked == [], "nobody is asked twice"
    await kept(world, 12)
    assert len((await made(world, settings)).asked) == 1
    assert await met(world) == ["They mended 10 sails, from 0 on.", "They mended 3 sails, from 10 on."]
    await world.do(ForgetMemory(memory(12)), person(ADA))
    assert await met(world) == ["They mended 10 sails, from 0 on.", "They mended 2 sails, from 10 on."], "what was made without it"
    await world.do(ForgetMemory(memory(11)), person(ADA))
    assert await met(world) == ["They mended 10 sails, from 0 on."]
    assert "Sail 10 was torn." in await world.met(await world.say(SQUARE, "hello")), "what it was made of besides stays"


async def test_another_summarizer_makes_them_anew(world: World, settings: Settings) -> None:
    """A part of every generation, told before, and met once it is chosen."""
    await kept(world, 1, 2)
    await made(world, settings)
    assert (await resummarize.estimate(world.log, "better", "10", 6)).groups == 1
    better = job(world, settings, lambda _: {"summary": "They mended all."}, model="better", grouping="10", every=6, switch=True)
    assert (await resummarize.run(better))["noted"] == 1
    assert await met(world) == ["They mended all."]
