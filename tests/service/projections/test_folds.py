"""What the oracle says of read models that are still on their way."""

import asyncio

from engine.store import connect, open_log
from engine.vault import MasterKey
from projections.follow import runner
from projections.registry import ALL
from tests.bench.append import talk
from tests.support.folds import differences


async def test_read_models_on_their_way_are_waited_for_and_those_that_do_not_come_are_named(dsn: str) -> None:
    """Work goes on after the last answer: what was stored while they were compared is no fault; standing still is one."""
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await talk.fill(log, 40, producers=2)
        async with log.pool.connection() as connection:
            for projection in ALL:
                await runner.install(connection, projection)
        still = await differences(dsn, patience_s=0.1)
        assert {sentence.split(" stands at 0 of ")[0] for sentence in still} == {projection.name for projection in ALL}
        looking = asyncio.create_task(differences(dsn))
        tasks = [asyncio.create_task(runner.run(dsn, projection)) for projection in ALL]
        try:
            assert await looking == []
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    async with connect.pool(dsn, size=1) as pool:
        assert await runner.wait_for(pool, [projection.name for projection in ALL], 1)
