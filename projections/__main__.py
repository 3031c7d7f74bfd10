"""The process that keeps the read models in step with the log and relays the log to NATS: `python -m projections`."""

import asyncio
from contextlib import suppress

from engine import config, process
from engine.bus import hints, relay
from engine.store import connect
from engine.vault import Pool
from engine.watching import metrics
from engine.watching.metrics import Gauges
from projections import status
from projections.follow import group_runner, resume
from projections.live import heartbeats
from projections.registry import ALL
from projections.status import Status


async def main(stop: asyncio.Event) -> None:
    """Run until `stop` is set. Batches are transactions, so there is nothing to drain."""
    settings = config.settings()
    dsn, numbers = config.require_database(settings), Gauges("projections")
    metrics.serve(settings.projections_metrics_port, numbers, "PROJECTIONS_METRICS_PORT")
    async with (
        connect.pool(dsn, size=2, application="tzurot projections") as pool,
        hints.read_models_told(config.require_nats(settings)) as moved,
    ):
        tasks = [asyncio.create_task(group_runner.run(dsn, ALL, moved), name="read models")]
        tasks.append(asyncio.create_task(relay.run(settings, lambda: resume.unfinished(pool)), name="relay"))
        tasks.append(asyncio.create_task(process.beat(lambda: _beat(pool, numbers)), name="heartbeat"))
        process.ready(f"{len(ALL)} read models")
        await _until(stop, tasks)
        with suppress(Exception):  # on the way out: the row goes stale by itself
            await heartbeats.leave(pool, "projections")


async def _beat(pool: Pool, numbers: Gauges) -> None:
    """Say that this process lives, and how far everything is."""
    await heartbeats.beat(pool, "projections", {"relay": True})
    async with pool.connection() as connection:
        tell(numbers, await status.look(connection))


def tell(numbers: Gauges, found: Status) -> None:
    """What Prometheus is told of read models and relay."""
    live = {one.name: one for one in found.progress if one.role == "live"}
    numbers.set({"log_events": float(found.head), "relay_lag_events": float(found.head - found.relayed)})
    numbers.set_by("lag_events", "projection", {name: float(found.head - one.position) for name, one in live.items()})
    numbers.set_by("stopped", "projection", {name: float(one.status == "stopped") for name, one in live.items()})
    numbers.set_by("behind_seconds", "reader", {one.name: one.seconds for one in found.behind})
    numbers.set_by("events_put_aside", "projection", {name: float(count) for name, count in found.aside.items()})


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
