"""Rows about the bot: R03, R04, R26."""

import asyncio
import random
from collections import Counter

from engine.clock import monotonic
from tests.chaos.run import Run
from tests.chaos.scene import Scene, scene

FAIL_AFTER_POST = "deliver.after_post:kill:1"


async def r03(run: Run) -> None:
    """R03: the bot dies after Discord took the post and before the log says so. The restart finds the post and adopts it."""
    async with scene(lanes=4) as stage:
        await posted(run, stage)
        await stage.judge(run)


async def posted(run: Run, stage: Scene) -> None:
    """The trials of R03."""
    await stage.tzurot.restart("bot", FAIL_AFTER_POST)
    async for trial in run.each():
        said = await stage.say(trial % 4)
        code = await stage.tzurot.died("bot")
        since = monotonic()
        run.expect(code == -9, f"the bot ended with {code}")
        run.expect(len(stage.answers(said)) == 1, f"{said.word} was not posted exactly once before the bot died")
        await stage.tzurot.start("bot", FAIL_AFTER_POST if trial + 1 < run.wanted else "")
        await stage.rest()
        run.recoveries.append(monotonic() - since)


async def r04(run: Run) -> None:
    """R04: people write while the bot is down. Back again it answers what is fresh; every message is in the log once."""
    async with scene(lanes=4) as stage:
        async for _ in run.each():
            await stage.kill("bot")
            said = [await stage.say(lane) for lane in range(4)]
            since = monotonic()
            await stage.tzurot.start("bot")
            await asyncio.gather(*(stage.follow(run, one, since) for one in said))
        await stage.judge(run)


async def r26(run: Run) -> None:
    """R26: the gateway drops, resumes with a replay, forgets the session, or says a message twice. One answer each.

    A trial is one message around which that happens; some are said just before, some just after.
    """
    lanes = 10
    async with scene(lanes=lanes) as stage:
        gateway, world = stage.discord.gateway, stage.discord.world
        breaks = (gateway.cut, gateway.reconnect, gateway.invalidate)
        kinds = Counter[str]()
        async for trial in run.each(lanes):
            kind, since = trial // lanes % 4, monotonic()
            said = [await stage.say(lane) for lane in range(lanes // 2)]
            await asyncio.sleep(random.uniform(0.0, 0.05))
            if kind < 3:
                await breaks[kind]()
            said += [await stage.say(lane) for lane in range(lanes // 2, lanes)]
            if kind == 3:
                for one in said:
                    await gateway.dispatch("MESSAGE_CREATE", world.message(world.channel(one.channel).id, str(one.id)))
            kinds[("cut", "reconnect", "invalidated", "said twice")[kind]] += lanes
            await asyncio.gather(*(stage.follow(run, one, since) for one in said))
        run.figures |= kinds
        await stage.judge(run)
