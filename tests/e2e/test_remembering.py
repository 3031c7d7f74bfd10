"""A long talk in the playground, whole processes, and the bytes that a provider receives: remembered, corrected, rebuilt, forgotten.

`TZUROT_FULL=1` talks for 300 messages and makes a generation of 10,000; a usual run takes 10 and 60, and kills
nobody: a killed worker's lease lasts ten seconds.
"""

import json
import os
import re
from dataclasses import dataclass
from uuid import UUID, uuid4

import aiohttp
import pytest

from engine import ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.job import Ask, job_id
from engine.decide.preset import Edit
from engine.events.build import new
from engine.events.message import MessageReceived
from engine.events.turn import GenerationStarted
from engine.execute import execute
from engine.store import Log, Query, open_log
from engine.vault import MasterKey
from projections.models import jobs
from projections.models.memories import generations, noted
from tests.chaos import injections
from tests.chaos.run import Run
from tests.support.remembering import Reader
from tests.support.system import MASTER_KEY, Shape, Tzurot, running, until
from worker.jobs import keep

FULL = os.environ.get("TZUROT_FULL") == "1"
TALK, FACT_AT, BULK, WINDOW = (300, 20, 10_000, 50) if FULL else (10, 4, 60, 3)
EVERY, GROUP = 6, 10
LONG_S = 1200.0 if FULL else 120.0
SETTINGS = {"MEMORY_MODEL": "cheap/model", "MEMORY_SUMMARIES": str(GROUP), "MEMORY_FACTS_EVERY": str(EVERY), "MEMORY_RECALL": "words"}
SETTINGS |= {"MEMORY_CALLS_A_DAY": "100000", "MEMORY_FACTS_A_DAY": "10000"}
QUESTION = "What is the boat of my grandmother called?"


@dataclass
class Talk:
    """A conversation of the playground, from outside."""

    tzurot: Tzurot
    reader: Reader
    log: Log
    visitor: aiohttp.ClientSession
    channel: str = ""
    said: int = 0

    async def say(self, text: str) -> dict[str, object]:
        path = f"/api/chats/{self.channel}/messages" if self.channel else "/api/chats"
        body = {"text": text} if self.channel else {"text": text, "character": "wren"}
        async with self.visitor.post(path, json=body) as answer:
            assert answer.status == 201, await answer.text()
            found: dict[str, object] = await answer.json()
        self.channel, self.said = str(found["channel"]), self.said + 1
        return found

    async def answered(self) -> None:
        """Wait until everything said was answered."""

        async def all_of_it() -> bool:
            return await self._ended() == self.said

        await until(all_of_it, LONG_S, f"an answer to {self.said} messages")

    async def _ended(self) -> int:
        async with self.log.pool.connection() as connection:
            statement = "SELECT count(*) FROM history.entries WHERE channel = %s AND kind = 'reply'"
            row = await (await connection.execute(statement, (int(self.channel),))).fetchone()
        return row[0] if row else 0

    async def asked(self) -> tuple[str, GenerationStarted]:
        """Ask for the boat: the prompt as the provider received it, and what is on record of it."""
        said = await self.say(QUESTION)
        await self.answered()
        turn = said["turns"][0]  # type: ignore[index]  # JSON of the command
        started = [one.event async for one in self.log.read(Query(stream=f"turn:{turn}")) if isinstance(one.event, GenerationStarted)]
        bodies = [json.dumps(json.loads(raw)["messages"], ensure_ascii=False) for raw in self.reader.chats]
        return next(body for body in reversed(bodies) if QUESTION in body), started[-1]

    async def done(self, job: UUID) -> None:
        async def over() -> bool:
            async with self.log.pool.connection() as connection:
                found = await jobs.get(connection, job)
            assert found is None or found.status != "failed", found
            return found is not None and found.status == "completed"

        await until(over, LONG_S, "the job's end")

    async def digest(self) -> None:
        """Have the groups that hold the fact read for facts and summarized."""
        about = f"playground:{self.channel}"
        first = await keep.ask(self.log, "extract", f"{about}:{(FACT_AT - 1) // EVERY}", {"every": EVERY, "generation": ""})
        second = await keep.ask(self.log, "summarize", f"{about}:{(FACT_AT - 1) // GROUP}", {"grouping": str(GROUP), "generation": ""})
        await self.done(first)
        await self.done(second)

    async def notes(self) -> list[noted.Note]:
        async with self.log.pool.connection() as connection:
            return await noted.of_person(connection, self.log.vault, None, limit=10_000)

    async def form(self, path: str, **fields: str) -> None:
        headers = {"origin": self.tzurot.console.rstrip("/")}
        async with self.visitor.post(path, data=fields, headers=headers, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()


def memories(prompt: str) -> str:
    """What a prompt remembers besides what was said lately."""
    return " ".join(re.findall(r"<memory.*?</memory>", prompt))


@pytest.mark.e2e
@pytest.mark.timeout(3600 if FULL else 180)
async def test_a_talk_is_remembered_corrected_rebuilt_and_forgotten() -> None:
    """The fact of an early message is in the last prompt with its source; what it said before a correction never again."""
    parts = ("projections", "worker", "console")
    async with Reader.start() as reader, running(Shape(parts, discord=False, provider=reader.address, settings=SETTINGS)) as tzurot:
        key = MasterKey.of(bytes.fromhex(MASTER_KEY))
        async with open_log(tzurot.dsn, key) as log, aiohttp.ClientSession(tzurot.console) as visitor:
            await execute(log, operator(), Edit(seed.DEFAULT_PRESET, {"max_messages": WINDOW}), uuid4(), see=("presets",))
            talk = Talk(tzurot, reader, log, visitor)
            for number in range(1, TALK):
                text = f"Small talk number {number} about lunch."
                said = await talk.say("My grandmother's boat is called Halcyon." if number == FACT_AT else text)
                if number == FACT_AT:
                    source = int(str(said["message_id"]))
                await talk.answered()  # what is said faster is answered together
            await talk.digest()
            await _remembered(talk, source)
            await _corrected(talk)
            await _rebuilt(talk)
            await _forgotten(talk)
            await _injected(talk)


async def _remembered(talk: Talk, source: int) -> None:
    prompt, started = await talk.asked()
    assert talk.said == TALK
    assert "Halcyon" in memories(prompt)
    assert not re.search(r"<message[^>]*>[^<]*Halcyon", prompt), "it stands in the history no more"
    [fact] = [note for note in await talk.notes() if note.origin == "fact"]
    [section] = [one for one in started.sections if one.name == "memories"]
    async with talk.log.pool.connection() as connection:
        [found] = await noted.sources(connection, fact.memory)
    assert found.message_id == source
    assert {fact.position, found.position} & set(section.positions), "the fact, or the message it was made of, is on the turn's record"


async def _corrected(talk: Talk) -> None:
    [fact] = [note for note in await talk.notes() if note.origin == "fact"]
    await talk.form(f"/memory/{fact.memory}/correct", text="The boat is called Albatross.")
    prompt, _ = await talk.asked()
    assert "Albatross" in memories(prompt)
    assert "Halcyon" not in prompt


async def _rebuilt(talk: Talk) -> None:
    """Another summarizer reads everything, in full its worker is killed twice on the way; then what was corrected stays so."""
    await _much_was_said(talk.log)
    before = await _met_facts(talk)
    about = "better/model:once"
    job = job_id("resummarize", about)
    parameters = {"model": "better/model", "grouping": str(GROUP), "every": EVERY, "switch": True}
    asked = Ask(job, "resummarize", about, parameters)  # type: ignore[arg-type]  # they are JSON
    talk.reader.stop_at = 4 if FULL else 0
    await execute(talk.log, operator(), asked, job)
    for more in (5, 0) if FULL else ():
        await until(_set(talk.reader), LONG_S, "a call on the way")
        await talk.tzurot.kill("worker")
        talk.reader.stopped.clear()
        talk.reader.stop_at = more
        await talk.tzurot.start("worker")
    await talk.done(job)
    counts = talk.reader.asked_by("better/model")
    assert set(counts) == {1}, "no question was answered twice"
    async with talk.log.pool.connection() as connection:
        listed = {one.name: one for one in await generations.listed(connection, "") if one.kind == "summary"}
    assert listed["better/model"].chosen
    assert listed["better/model"].summaries == (BULK + talk.said) // GROUP
    prompt, _ = await talk.asked()
    assert "Albatross" in memories(prompt)
    assert "Halcyon" not in prompt
    assert [text for text in await _met_facts(talk) if text not in before] == []


def _set(reader: Reader):  # type: ignore[no-untyped-def]  # a look for until
    async def look() -> bool:
        return reader.stopped.is_set()

    return look


async def _met_facts(talk: Talk) -> list[str]:
    return sorted({note.text for note in await talk.notes() if note.origin == "fact" and not note.taken_back})


async def _much_was_said(log: Log) -> None:
    """In another conversation, long ago."""
    channel = ids.snowflake_at(ids.snowflake_time(2**60))
    for first in range(0, BULK, 500):
        events = []
        for number in range(first, min(first + 500, BULK)):
            message = channel + 1 + number
            said = {"message_id": message, "channel_id": channel, "author_id": 7, "author_name": "Ada", "venue": "playground"}
            events.append(MessageReceived.model_validate(said | {"text": f"Message {number}."}))
        await log.append(*(new(event, ids.derived("bulk", event.message_id)) for event in events))


async def _forgotten(talk: Talk) -> None:
    """Nothing of it stands in a prompt, a list, or a page."""
    [fact] = [note for note in await talk.notes() if "Albatross" in note.text]
    await talk.form(f"/memory/{fact.memory}/forget")
    prompt, _ = await talk.asked()
    assert not re.search("Albatross|Halcyon", prompt)
    assert not [note.text for note in await talk.notes() if re.search("Albatross|Halcyon", note.text)]
    async with talk.visitor.get("/memory?words=boat") as answer:
        page = await answer.text()
    assert not re.search("Albatross|Halcyon", page)


async def _injected(talk: Talk) -> None:
    """Nobody is told another's words by asking for them. The full number: `tzurot chaos R34T`."""
    run = Run("R34T", 21 if FULL else 3, quiet=True)
    settings = Settings(_env_file=None, database_url=talk.tzurot.dsn)
    await injections.through_turns(run, talk.reader, talk.log, settings, (MASTER_KEY, talk.tzurot.dsn))
    assert run.broken == []
    assert run.figures["leaks"] == 0
