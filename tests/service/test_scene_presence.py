"""Presence over 1,000 pairs of message and character: whoever was absent has no byte of it, whoever was there has all (A18)."""

import random
import re
from collections.abc import Sequence
from uuid import UUID

import pytest

from engine import ids, seed
from engine.actor import operator, person
from engine.decide.channel import Where
from engine.decide.craft import lorebook
from engine.decide.remembering.memory import Correct
from engine.decide.speaking.scene import Mark
from engine.events import Event
from engine.events.character import CharacterCreated, Description
from engine.events.memory import MemoriesDreamed, MemoryNoted, Origin, Source
from engine.events.message import MessageDeleted
from engine.events.scene import MessageWhispered
from engine.lore.files import read_book
from engine.store import open_log
from engine.vault import MasterKey
from projections.models import history_window
from tests.support.memories import Spot, World
from worker.memory.hot import Recaller

MESSAGES = 340
THIRD = UUID(int=3)
CAST = [*(sample.character_id for sample in seed.samples()), THIRD]
SQUARE = Spot(501, 9)
PLACE = Where(SQUARE.channel, SQUARE.guild, "discord")
ZOE = 41
JOINED = (-5, -4, -2, -1)
"""Of each five facts the first and last are joined, the second is hidden behind the fourth."""
CANARY = re.compile(r"canary(\d{3})")


def noted(origin: Origin, text: str, *sources: Source) -> MemoryNoted:
    """What a model made of what was said in the channel."""
    place = {"channel_id": SQUARE.channel, "guild_id": SQUARE.guild, "venue": "discord"}
    return MemoryNoted.model_validate(
        place | {"memory_id": ids.random_id(), "user_id": ZOE, "origin": origin, "sources": sources, "text": text}
    )


async def talk(world: World) -> dict[UUID, list[int]]:
    """Characters come and go at random while somebody talks, now and then to one of them, or whispers; facts, summaries and dreams are

    made of it. Returns the numbers of the messages that each character was there for, or was meant by.
    """
    draw = random.Random(18)
    there, seen = dict.fromkeys(CAST, True), {one: list[int]() for one in CAST}
    window, facts = list[tuple[int, int]](), list[tuple[int, UUID]]()
    for number in range(MESSAGES):
        if draw.random() < 0.12:
            who = draw.choice(CAST)
            there[who] = not there[who]
            await world.do(Mark(PLACE, who, ids.snowflake_at(world.at) + 1, present=there[who]))
        message = await world.say(SQUARE, f"{canary(number)} is moored in the harbour")
        to = draw.choice(CAST) if draw.random() < 0.1 else None
        whispered = to is not None and draw.random() < 0.5
        if to is not None:
            await world.answer(message, f"I have noted {canary(number)}.", by=to)
        if to is not None and whispered:
            await world.append(whisper(message, to))
        for who in CAST:
            seen[who] += [number] if who == to or (there[who] and not whispered) else []
        fact = noted("fact", f"fact of {canary(number)}", Source(message_id=message))
        facts.append((number, fact.memory_id))
        window.append((number, message))
        await world.append(fact, *_made_of(window, facts))
    return seen


def canary(number: int) -> str:
    return f"canary{number:03d}"


def whisper(message: int, to: UUID) -> MessageWhispered:
    return MessageWhispered(message_id=message, channel_id=SQUARE.channel, guild_id=SQUARE.guild, author_id=ZOE, venue="discord", to=(to,))


def _made_of(window: list[tuple[int, int]], facts: list[tuple[int, UUID]]) -> Sequence[Event]:
    """Every five messages a summary of them, a dream that joins two of their facts, and one that hides a third behind a fourth."""
    if len(window) < 5:
        return ()
    summary = noted("summary", " ".join(["summary of", *(canary(one) for one, _ in window)]), *(Source(message_id=m) for _, m in window))
    (one, first), (_, hidden), (_, kept), (two, second) = (facts[place] for place in JOINED)
    joined = noted("dream", f"dream of {canary(one)} and {canary(two)}", Source(memory_id=first), Source(memory_id=second))
    window.clear()
    return summary, joined, MemoriesDreamed(dream_id=ids.random_id(), user_id=ZOE, hidden=(hidden,), kept=(kept,))


def known(kept: set[int]) -> set[int]:
    """The numbers of the facts of what a character was there for, without those that another says as well."""
    behind = {number: number + 2 for number in range(1, MESSAGES, 5)}
    return {number for number in kept if behind.get(number) not in kept}


def numbers(text: str) -> list[int]:
    return [int(found) for found in CANARY.findall(text)]


@pytest.mark.timeout(300)
async def test_nobody_meets_what_was_said_in_its_absence(dsn: str) -> None:
    """Neither in the history, nor in a memory of it or of what was made of it, nor in an entry of a lorebook that it would have woken."""
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        world = World(log, Recaller(log, full=False))
        third = Description.model_validate({"name": "Third", "info": "Comes and goes."})
        await world.append(CharacterCreated(character_id=THIRD, owner_id=None, slug="third", visibility="public", description=third))
        entries = {
            str(n): {"uid": n, "key": [canary(n)], "content": f"lore of {canary(n)}", "scanDepth": 100} for n in range(0, MESSAGES, 4)
        }
        found = read_book({"entries": entries}, "Harbour")
        everywhere = lorebook.Create(ids.random_id(), {**found.sheet.model_dump()}, found.entries, [("everywhere", "")])
        await world.do(everywhere, operator(1))
        seen = await talk(world)
        asked = await world.say(SQUARE, "What do you know of the harbour?")
        for who in CAST:
            kept = set(seen[who])
            met = await world.met(asked, who, ZOE)
            assert {n for text in met if text.startswith("canary") for n in numbers(text)} == kept
            made = [text for text in met if text.startswith(("fact", "summary", "dream"))]
            assert {n for text in made if text.startswith("fact") for n in numbers(text)} == known(kept)
            assert {n for text in met for n in numbers(text)} == kept, "and nothing that was made of more"
            async with log.pool.connection() as connection:
                lines = await history_window.before(
                    connection, SQUARE.channel, 2**62, reader=who, limit=MESSAGES * 2, since=None, most_bytes=2**40
                )
            assert sum(line.kind == "message" and line.message_id != asked for line in lines) == len(kept)
            prompt, _ = await world.prompt(asked, who, ZOE, limit=100, budget=1_000_000)
            whole = prompt.bytes().decode()
            assert set(numbers(whole)) <= kept
            assert re.search(r"lore of canary\d{3}", whole), "entries were woken"
    absent = MESSAGES * len(CAST) - sum(map(len, seen.values()))
    assert MESSAGES * len(CAST) >= 1_000
    assert absent > MESSAGES // 4, "there was nothing to keep from anybody"


async def test_what_a_person_corrects_is_met_by_whoever_was_there(dsn: str) -> None:
    """A18, D11: it tells nobody who was absent or was not whispered to, also of notes that were joined, whatever becomes of the message."""
    there, absent, other = CAST[0], CAST[1], CAST[2]
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        world = World(log, Recaller(log, full=False))
        await world.do(Mark(PLACE, absent, ids.snowflake_at(world.at) + 1, present=False))
        said = [await world.say(SQUARE, f"{canary(number)} is moored here") for number in range(3)]
        whispered = await world.say(SQUARE, "canary009 is my secret")
        await world.append(whisper(whispered, there))
        facts = [noted("fact", f"fact of {canary(number)}", Source(message_id=message)) for number, message in enumerate(said)]
        secret = noted("fact", "fact of canary009", Source(message_id=whispered))
        joined = noted("dream", "dream of two", Source(memory_id=facts[1].memory_id), Source(memory_id=facts[2].memory_id))
        await world.append(*facts, secret, joined)
        for note in (facts[0], joined, secret):
            await world.do(Correct(note.memory_id, f"mended {note.text}"), person(ZOE))
            await world.do(Correct(note.memory_id, f"mended again {note.text}"), person(ZOE))
        await world.append(MessageDeleted(message_id=said[0], channel_id=SQUARE.channel, guild_id=SQUARE.guild, venue="discord"))
        asked = await world.say(SQUARE, "Which are moored?")
        mended = [f"mended again {note.text}" for note in (facts[0], joined, secret)]
        for who, expected in ((there, mended), (absent, []), (other, mended[:2])):
            assert [text for text in await world.met(asked, who, ZOE) if text.startswith("mended")] == expected
