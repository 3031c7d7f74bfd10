"""The process that keeps the read models in step with the log and relays the log to NATS: `python -m projections`."""

import asyncio
from contextlib import suppress

from engine import config, process
from engine.bus import relay
from engine.store import connect
from projections.follow import group_runner, resume
from projections.live import heartbeats
from projections.registry import ALL


async def main(stop: asyncio.Event) -> None:
    """Run until `stop` is set. Batches are transactions, so there is nothing to drain."""
    settings = config.settings()
    dsn = config.require_database(settings)
    async with connect.pool(dsn, size=2, application="tzurot projections") as pool:
        tasks = [asyncio.create_task(group_runner.run(dsn, ALL), name="read models")]
        tasks.append(asyncio.create_task(relay.run(settings, lambda: resume.unfinished(pool)), name="relay"))
        tasks.append(asyncio.create_task(process.beat(lambda: heartbeats.beat(pool, "projections", {"relay": True})), name="heartbeat"))
        process.ready(f"{len(ALL)} read models")
        await _until(stop, tasks)
        with suppress(Exception):  # on the way out: the row goes stale by itself
            await heartbeats.leave(pool, "projections")


async def _until(stop: asyncio.Event, tasks: list["asyncio.Task[None]"]) -> None:
    waiting = asyncio.create_task(_wait(stop))
    try:
        while not waiting.done():
            done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {waiting}:
                task.result()
                tasks.remove(task)
    finally:
        for task in (waiting, *tasks):
            task.cancel()
        await asyncio.gather(waiting, *tasks, return_exceptions=True)


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


if __name__ == "__main__":
    process.run(main, service="projections")
