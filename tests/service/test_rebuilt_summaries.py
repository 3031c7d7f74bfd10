"""Another summarizer over many messages, killed twice on the way (D2). `TZUROT_FULL=1` takes ten thousand messages."""

import asyncio
import json
import os
from collections import Counter
from typing import Any, cast
from uuid import uuid4

import pytest

from engine import seed
from engine.config import Settings
from engine.decide.remembering.memory import ChooseGeneration
from engine.events.message import MessageReceived
from engine.ids import snowflake_at
from engine.store import open_log
from engine.vault import MasterKey
from projections.models.memories import generations
from tests.support.memories import Spot, World
from worker.jobs import resummarize, summarize
from worker.jobs.running import RunningJob
from worker.providers.chat import Completion
from worker.work import Work

SQUARE = Spot(501, 9)
MESSAGES = 10_000 if os.environ.get("TZUROT_FULL") == "1" else 300


class Mortal(RunningJob):
    """A job that dies after `lives` calls, and records nothing of how far it came."""

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


async def test_many_messages_are_summarized_anew_once_whatever_dies(dsn: str, settings: Settings) -> None:
    """One generation, no question twice, nothing of it met before it is chosen; going back is as it was, word for word."""
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        world = World(log)
        for first in range(0, MESSAGES, 500):
            await _said(world, first, min(first + 500, MESSAGES))
        await world.caught_up()
        asked = await world.say(SQUARE, "hello")
        old, new = Counter[str](), Counter[str]()
        for group in await resummarize.all_groups(log, "", "50"):
            await summarize.make(_job(world, settings, old, MESSAGES), group)
        groups = MESSAGES // 50
        before = await world.met(asked)
        for lives in (groups // 3, groups // 3, MESSAGES):
            job = _job(world, settings, new, lives, model="better", grouping="50", switch=lives == MESSAGES)
            if lives < MESSAGES:
                with pytest.raises(asyncio.CancelledError):
                    await resummarize.run(job)
                assert await world.met(asked) == before
            else:
                await resummarize.run(job)
        assert (len(new), set(new.values())) == (groups, {1})
        after = await world.met(asked)
        assert not [text for text in after if "by cheap" in text]
        assert [text.replace("by better", "by cheap") for text in after] == before
        async with log.pool.connection() as connection:
            listed = [(one.name, one.summaries, one.facts) for one in await generations.listed(connection, "") if one.kind == "summary"]
        assert listed == [("", groups, groups), ("better", groups, groups)]
        await world.do(ChooseGeneration("summary", ""))
        assert await world.met(asked) == before


async def _said(world: World, first: int, end: int) -> None:
    """So many messages, in one append."""
    events = []
    for number in range(first, end):
        message = snowflake_at(world.at) + number
        said = {"message_id": message, "channel_id": SQUARE.channel, "guild_id": SQUARE.guild, "author_id": 41, "author_name": "Person 41"}
        events.append(MessageReceived.model_validate(said | {"venue": "discord", "text": f"Message {number}."}))
    await world.append(*events)


def _job(world: World, settings: Settings, asked: Counter[str], lives: int, **parameters: Any) -> Mortal:
    unbounded = {
        "memory_model": "cheap",
        "memory_facts_every": 0,
        "memory_facts_a_day": 10_000,
    }  # all is said on one day, and read models stand still meanwhile
    work = Work(settings.model_copy(update=unbounded), world.log, cast("Any", None), cast("Any", None), None)
    made = Mortal(work, uuid4(), "resummarize", "", 1, parameters=parameters)
    made.asked, made.lives = asked, lives
    return made
