"""A few trials of each row that a first release must survive. The full numbers: `tzurot chaos R01 --json` and so on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import pytest

from tests.chaos import bots, broker, database, delivery, workers
from tests.chaos.run import Run
from tests.chaos.scene import NAME, Scene, scene
from tests.support.commits import LostReplies
from tests.support.system import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

LANES = 12
PARTS = ("bot", "projections", "nats", "postgres")
"""What is killed in mid-stream besides the worker, which is R01."""


async def test_whatever_fails_each_message_gets_one_reply() -> None:
    """Every trial meets its outcome, and the oracle finds nothing in log, Discord and provider journal. All rows have one system."""
    replies, runs = LostReplies(), []

    @asynccontextmanager
    async def row(name: str, trials: int, events: int | None = None) -> AsyncIterator[Run]:
        run = Run(name, trials, events, quiet=True, timely=False)
        runs.append(run)
        yield run
        assert (run.trials, run.lost, run.broken) == (trials, 0, []), json.dumps(run.result(), indent=1, default=str)

    parts = ("projections", "worker", "bot", "console")
    async with scene(lanes=LANES, parts=parts, inspect=replies.inspector) as stage:
        async with row("kills", len(PARTS)) as run:
            await _killed(run, stage)
        for name, trials, body in (
            ("R01", 10, workers.cut_off),
            ("R02", 1, workers.ended),
            ("R03", 1, delivery.posted),
            ("R08", 6, partial(database.unanswered, replies=replies)),
            ("R17", 1, broker.wiped),
            ("R44", 1, bots.disturbed),
        ):
            async with row(name, trials) as run:
                await body(run, stage)
        async with row("R07", 1, 2) as run:
            await database.under_load(run, stage, LANES)
        async with row("R46", 1) as run:
            await bots.led(run, stage)
        await asyncio.gather(*(stage.kill(part) for part in ("bot", "bot2")))
        await asyncio.gather(*(stage.tzurot.start(part) for part in bots.TWINS))
        async with row("TWINS", bots.TWINS_IN * bots.AT_A_TIME) as run:
            await bots.led_by_both(run, stage)
        await stage.judge(run)
        assert run.passed, json.dumps(run.result(), indent=1, default=str)
        await _console_killed(stage)
    assert len(runs) == 10


async def _killed(run: Run, stage: Scene) -> None:
    """SIGKILL of each process while an answer is streaming, with a second message said while it is down."""
    async for trial in run.each():
        word, lane, part = f"ping-{len(stage.said)}", 2 * trial, PARTS[trial]
        stage.stage.hold(word)
        said = await stage.say_word(word, lane)
        await stage.stage.held(word)
        await stage.kill(part)
        meanwhile = await stage.say(lane + 1)
        await stage.tzurot.start(part)
        stage.stage.release(word)
        await asyncio.gather(*(stage.follow(run, one, said.at) for one in (said, meanwhile)))


async def _console_killed(stage: Scene) -> None:
    """The reply typed for in the playground is delivered once, by the console that comes after."""
    word = "ping-playground"
    stage.stage.hold(word)
    async with aiohttp.ClientSession(stage.tzurot.console) as visitor:
        body = {"text": f"{word} hello", "character": NAME}
        async with visitor.post("/api/chats", json=body) as answer:
            assert answer.status == 201, await answer.text()
            channel = (await answer.json())["channel"]
    await stage.stage.held(word)
    await stage.tzurot.restart("console")
    stage.stage.release(word)
    async with aiohttp.ClientSession(stage.tzurot.console) as visitor:

        async def replies() -> list[str]:
            async with visitor.get(f"/api/chats/{channel}/messages") as answer:
                return [line["text"] for line in (await answer.json())["lines"] if line["kind"] == "reply"]

        assert len(await until(replies, 60.0, "a reply in the playground")) == 1
        await stage.rest()
        assert len(await replies()) == 1
    assert stage.stage.counts()[word] == 1
