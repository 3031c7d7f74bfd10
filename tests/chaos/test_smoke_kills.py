"""SIGKILL of each process while an answer is streaming: one reply each, nothing lost, nobody has to do anything."""

import asyncio

import aiohttp
import pytest

from tests.chaos.run import Run
from tests.chaos.scene import NAME, Scene, scene
from tests.support.stage import Stage
from tests.support.system import Shape, running, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PARTS = ("worker", "bot", "projections", "nats", "postgres")


async def _killed(stage: Scene, lane: int, part: str, run: Run) -> None:
    word = f"ping-{len(stage.said)}"
    stage.stage.hold(word)
    said = await stage.say_word(word, lane)
    await stage.stage.held(word)
    await stage.kill(part)
    meanwhile = await stage.say(lane + 1)
    await stage.tzurot.start(part)
    stage.stage.release(word)
    for one in (said, meanwhile):
        await stage.follow(run, one, said.at)


async def test_whatever_is_killed_during_a_turn_each_message_gets_one_reply() -> None:
    """Worker, bot, projections, NATS and Postgres, one after the other, with a second message said while the part is down."""
    run = Run("kills", len(PARTS), quiet=True)
    async with scene(lanes=2 * len(PARTS)) as stage:
        for number, part in enumerate(PARTS):
            await _killed(stage, 2 * number, part, run)
            run.trials += 1
        await stage.judge(run)
    assert run.passed, run.result()


async def test_the_console_may_die_while_it_waits_for_a_reply() -> None:
    """The reply typed for in the playground is delivered once, by the console that comes after."""
    async with (
        Stage.start() as stage,
        running(Shape(("projections", "worker", "console"), discord=False, provider=stage.address)) as tzurot,
    ):
        stage.hold("ping-1")
        async with aiohttp.ClientSession(tzurot.console) as visitor:
            body = {"text": "ping-1 hello", "character": NAME}
            async with visitor.post("/api/chats", json=body) as answer:
                assert answer.status == 201, await answer.text()
                channel = (await answer.json())["channel"]
        await stage.held("ping-1")
        await tzurot.restart("console")
        stage.release("ping-1")
        async with aiohttp.ClientSession(tzurot.console) as visitor:

            async def replies() -> list[str]:
                async with visitor.get(f"/api/chats/{channel}/messages") as answer:
                    return [line["text"] for line in (await answer.json())["lines"] if line["kind"] == "reply"]

            assert len(await until(replies, 30.0, "a reply in the playground")) == 1
            await asyncio.sleep(0.5)
            assert len(await replies()) == 1
    assert stage.counts()["ping-1"] == 1
