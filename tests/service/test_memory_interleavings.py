"""Whatever order people say, remember, summarize, dream, forget, fork, replay, correct and delete in: what is gone is met nowhere.

`TZUROT_FULL=1 python -m pytest tests/service/test_memory_interleavings.py` takes a thousand orders where a usual run takes two;
`MEMORY_FIRST` and `MEMORY_RUNS` say which.
"""

import json
import os
from collections import Counter
from random import Random
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from psycopg.rows import class_row

from engine import seed
from engine.actor import person
from engine.config import Settings
from engine.decide.remembering.dreaming import UndoDream
from engine.decide.remembering.memory import Correct, ForgetMemory, ForgetSaid, MemoryPlace, Remember
from engine.events.channel import ConversationForked
from engine.events.message import MessageDeleted
from engine.resources.places.forked import ForkedLine
from engine.store import open_log
from engine.vault import MasterKey
from projections.follow import verify
from projections.models import channels
from projections.models.memories import dreams, groups, memory_scope, noted
from projections.prompt.sections import remembered
from projections.registry import named
from tests.support.memories import WREN, Spot, World
from worker.jobs import dream, extract, reflect, relate, resummarize, summarize
from worker.jobs.running import RunningJob
from worker.jobs.summarize import GROUPINGS, Group
from worker.providers.chat import Completion
from worker.work import Work

SQUARE, PEOPLE = Spot(501, 9), (41, 42)
FIRST = int(os.environ.get("MEMORY_FIRST", "0"))
RUNS, STEPS = int(os.environ.get("MEMORY_RUNS", "1000" if os.environ.get("TZUROT_FULL") == "1" else "2")), 40
ACTS = (
    "say",
    "say",
    "say",
    "say",
    "answer",
    "answer",
    "remember",
    "summarize",
    "extract",
    "relate",
    "reflect",
    "dream",
    "undo",
    "fork",
    "replay",
)
LOSING = ("forget", "delete", "drop", "correct")


class Echo(RunningJob):
    """A model that repeats all it is shown, as summary and facts: the worst there can be."""

    async def call(self, model: str, messages: Any, **more: Any) -> Completion:
        lines = str(messages[-1]["content"]).splitlines()
        facts = [{"line": number, "fact": line, "slot": ("", "topic")[number % 2]} for number, line in enumerate(lines)]
        all_of_it, every = " ".join(lines), list(range(len(lines)))
        made = {"summary": all_of_it, "facts": facts, "how": "well", "relationship": all_of_it}
        return Completion(text=json.dumps(made | {"reflections": [{"from": every, "text": all_of_it}]}))

    async def progress(self, done: int, total: int | None = None, cursor: Any = None, *, now: bool = False) -> None:
        """Nothing."""


class Story:
    """One random order. `words` are what was said or noted, by its only owner; `dead` those nobody may meet any more."""

    def __init__(self, world: World, settings: Settings, random: Random) -> None:
        self.world, self.settings, self.random = world, settings, random
        self.said, self.notes, self.dead = dict[int, tuple[int, str]](), dict[UUID, tuple[int, str]](), set[str]()
        self.words, self.taken, self.answered = 0, Counter[str](), set[int]()
        self.forks = dict[Spot, set[str]]()
        self.every = random.choice((3, 6))

    def word(self) -> str:
        self.words += 1
        return f"canary{self.words:03d}x"

    def replied(self, message: int) -> str:
        """What the answer to a message repeats of it; it stands on where the message is deleted."""
        return self.said[message][1].replace("canary", "parrot")

    def job(self, name: str) -> Echo:
        work = Work(self.settings.model_copy(update={"memory_model": "cheap"}), self.world.log, cast("Any", None), cast("Any", None), None)
        return Echo(work, uuid4(), name, "", 1)

    async def step(self) -> None:
        chosen = self.random.choice((*ACTS, *LOSING))
        self.taken[chosen] += 1
        await getattr(self, chosen)()

    async def say(self) -> None:
        who, word = self.random.choice(PEOPLE), self.word()
        self.said[await self.world.say(SQUARE, f"I like {word}.", by=who)] = (who, word)

    async def answer(self) -> None:
        if waiting := [message for message in self.said if message not in self.answered]:
            message = self.random.choice(waiting)
            self.answered.add(message)
            await self.world.answer(message, f"So you like {self.replied(message)}.", to=self.said[message][0])

    async def remember(self) -> None:
        who, memory = self.random.choice(PEOPLE), uuid4()
        word = self.random.choice([self.word(), *(word for owner, word in self.notes.values() if owner == who)])
        await self.world.do(Remember(memory, who, MemoryPlace("discord", SQUARE.channel, SQUARE.guild), f"I keep {word}."), person(who))
        self.notes[memory] = (who, word)

    async def summarize(self) -> None:
        await self.world.caught_up()
        async with self.world.log.pool.connection() as connection:
            seen = [one for one in await channels.seen(connection, venue="discord") if one.channel == SQUARE.channel]
            numbers = [number for one in seen for number in await groups.closed(connection, one.channel, GROUPINGS["5"], self.world.at)]
        for number in numbers:
            await summarize.make(self.job("summarize"), Group(seen[0], GROUPINGS["5"], number))

    async def extract(self) -> None:
        await self.world.caught_up()
        for reading in await resummarize.all_turns(self.world.log, "", self.every):
            if reading.seen.channel == SQUARE.channel:
                await extract.make(self.job("extract"), reading)

    async def relate(self) -> None:
        await self.world.caught_up()
        async with self.world.log.pool.connection() as connection:
            seen = [one for one in await channels.seen(connection, venue="discord") if one.channel == SQUARE.channel]
        for reading in [found for one in seen for found in await relate.latest(self.world.log, one, 1, "")]:
            await relate.make(self.job("relate"), reading)

    async def reflect(self) -> None:
        await self.world.caught_up()
        async with self.world.log.pool.connection() as connection:
            found = await noted.facts(connection, "", 2)
        for who, channel, count in found:
            await reflect.make(self.job("reflect"), reflect.Reflection(who, channel, 2, count // 2))

    async def fork(self) -> None:
        """Go on elsewhere with all that was said up to now."""
        await self.world.caught_up()
        async with self.world.log.pool.connection() as connection:
            statement = (
                "SELECT position, asked, place, edit_position AS edit FROM history.entries WHERE channel = %s AND live ORDER BY position"
            )
            async with connection.cursor(row_factory=class_row(ForkedLine)) as cursor:
                await cursor.execute(statement, (SQUARE.channel,))
                lines = tuple(await cursor.fetchall())
        if lines:
            spot = Spot(900 + len(self.forks), SQUARE.guild)
            about = {"channel_id": spot.channel, "venue": "discord", "character_id": WREN, "by_user_id": PEOPLE[0]}
            about |= {"source_channel_id": SQUARE.channel, "at": lines[-1].position, "lines": lines}
            await self.world.append(ConversationForked.model_validate(about))
            self.forks[spot] = {word for _, word in self.said.values()}

    async def replay(self) -> None:
        """The tables that a replay makes are those there are."""
        await self.world.caught_up()
        assert [one.different for one in await verify.verify(self.world.log.dsn, [named("memory"), named("history")])] == [(), ()]

    async def dream(self) -> None:
        await self.world.caught_up()
        await dream.run(self.job("dream"))

    async def undo(self) -> None:
        await self.world.caught_up()
        async with self.world.log.pool.connection() as connection:
            for one in await dreams.listed(connection, None):
                await self.world.do(UndoDream(one.dream))

    async def forget(self) -> None:
        if self.said:
            message = self.random.choice(list(self.said))
            self.dead |= {self.said[message][1], self.replied(message)}
            who, _ = self.said.pop(message)
            await self.world.do(ForgetSaid(who, message), person(who))

    async def delete(self) -> None:
        if self.said:
            message = self.random.choice(list(self.said))
            _, word = self.said.pop(message)
            await self.world.append(MessageDeleted(message_id=message, channel_id=SQUARE.channel, guild_id=SQUARE.guild, venue="discord"))
            self.dead.add(word)

    async def drop(self) -> None:
        """Forget a note, or a fact of something said: then what it came from is forgotten, too."""
        note = await self._any()
        if note is not None:
            await self.world.do(ForgetMemory(note.memory), person(note.person))
            self._gone(note)

    async def correct(self) -> None:
        note = await self._any()
        if note is not None:
            await self.world.do(Correct(note.memory, "I changed my mind."), person(note.person))
            self._gone(note)

    async def _any(self) -> noted.Note | None:
        await self.world.caught_up()
        async with self.world.log.pool.connection() as connection:
            found = [note for note in await noted.of_person(connection, self.world.log.vault, None) if note.origin in ("manual", "fact")]
        return self.random.choice(found) if found else None

    def _gone(self, note: noted.Note) -> None:
        self.notes.pop(note.memory, None)
        if note.origin == "fact":
            words = {message: word for message, (_, word) in self.said.items() if word in note.text}
            self.dead |= {*words.values(), *(self.replied(message) for message in words)}
            self.said = {message: one for message, one in self.said.items() if message not in words}

    async def check(self) -> None:
        """Nobody meets what is dead; everybody's standing words are met in their channel, and in a fork those that it took over.

        Nor does a list or an export show it.
        """
        standing = {word for _, word in self.said.values()}
        for spot, words in {SQUARE: standing, **{fork: words & standing for fork, words in self.forks.items()}}.items():
            asked = await self.world.say(spot, "hello")
            for who in PEOPLE:
                met = "\n".join([*await self.world.met(asked, by=who), await self.related(asked, who)])
                assert [word for word in sorted(self.dead) if word in met] == [], (spot, self.taken)
                assert [word for word in sorted(words) if word not in met] == [], (spot, self.taken)
        async with self.world.log.pool.connection() as connection:
            shown = "\n".join(note.text for note in await noted.of_person(connection, self.world.log.vault, None))
        assert [word for word in sorted(self.dead) if word in shown] == [], self.taken

    async def related(self, asked: int, who: int) -> str:
        """How they stand to each other, as a prompt says it."""
        async with self.world.log.pool.connection() as connection:
            found = await memory_scope.between(connection, self.world.scope(asked, by=who))
        return "" if found is None else (await remembered.contents(self.world.log, [f"n:{found}"]))[0].text


@pytest.mark.parametrize("number", range(FIRST, FIRST + RUNS))
async def test_in_any_order_what_is_gone_is_gone(dsn: str, settings: Settings, number: int) -> None:
    """Also in the tables that a replay makes: they are the same."""
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        story = Story(World(log), settings, Random(number))
        for _ in range(STEPS):
            await story.step()
        await story.check()
        await story.replay()
