"""An answer is posted as soon as it is clear that nothing comes before it: the log says so before the read models do (ADR 72)."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from engine.config import Settings
from engine.vault import Pool
from projections.follow import runner
from tests.service.test_delivery import Stage, staged
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import ended

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


async def test_an_answer_is_shown_before_the_read_models_know_of_it_but_not_before_an_earlier_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I11: while they stand still, the log says whether anything of the channel came in between; where it did they are waited for."""
    async with staged(settings) as stage:
        await _shown_early(stage, monkeypatch)


async def _shown_early(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.rig.write = lambda turn: None
    for text in ("before", "first", "second", "third"):
        await stage.say(text)
    async with asyncio.timeout(30):
        while len(stage.rig.requested) < 4:
            await asyncio.sleep(0.01)
    zero, *ends = [ended(turn, text) for turn, text in zip(stage.rig.requested, ("zero", "one", "two", "three"), strict=True)]
    await stage.rig.log.append(zero)
    await stage.rig.settle()
    queues, waits, wait_for = stage.deliverer(), asyncio.Event(), runner.wait_for

    async def watched(pool: Pool, names: Sequence[str], position: int, *, seconds: float = 10.0) -> bool:
        waits.set()
        return await wait_for(pool, names, position, seconds=seconds)

    monkeypatch.setattr(runner, "wait_for", watched)
    async with await psycopg.AsyncConnection.connect(stage.rig.log.dsn) as connection, connection.transaction():
        await connection.execute("LOCK TABLE projections IN SHARE MODE")
        queues.wake(stage.channel, (await stage.rig.log.append(ends[0])).positions[0])
        async with asyncio.timeout(60):
            await queues.idle()
        assert stage.shown() == ["zero", "one"]
        assert not waits.is_set()
        await stage.rig.log.append(ends[1])
        queues.wake(stage.channel, (await stage.rig.log.append(ends[2])).positions[0])
        async with asyncio.timeout(60):
            await waits.wait()
        assert stage.shown() == ["zero", "one"]
    await stage.until(["zero", "one", "two", "three"])
    await queues.close()
