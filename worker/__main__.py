"""The process that lets characters answer: `python -m worker`."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

from engine import config, process
from engine.bus import JOBS, WORKER, Reference, consume, hints, relay
from engine.config import Settings
from engine.store import open_log
from engine.store.connect import pool
from engine.vault import load_master_key
from engine.watching import metrics, tracing
from projections.follow import resume
from projections.live import heartbeats
from worker import connect, spend
from worker.calm import Calm
from worker.jobs import HANDLERS, keep
from worker.mcp.servers import McpServers
from worker.memory.lazy import LazyRecall, knobs
from worker.providers.http import Http, Way
from worker.turn import initiative
from worker.turn.conversation import handle
from worker.turn.sweep import sweep
from worker.work import Deletions, Work, endpoint

SWITCH_S = 0.0005
"""How long a thread that ranks or embeds keeps the interpreter while everybody's turns want it: by default ten times as long, and a turn

wants it some fifty times.
"""


async def main(stop: asyncio.Event) -> None:
    """Generate until `stop` is set, then finish what was begun."""
    sys.setswitchinterval(SWITCH_S)
    settings = config.settings()
    async with working(settings) as work:
        process.ready(f"{settings.worker_concurrency} turns at a time, provider {work.endpoint.name}")
        await stop.wait()
        with suppress(Exception):  # on the way out: the row goes stale by itself
            await heartbeats.leave(work.log.pool, "worker")


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Work]:
    """A worker that takes up turns for as long as the block lasts; leaving it drains."""
    provider, url = endpoint(settings), config.require_nats(settings)
    deletions = Deletions()
    async with AsyncExitStack() as stack:
        size = max(6, settings.worker_concurrency // 2)
        log = await stack.enter_async_context(open_log(config.require_database(settings), load_master_key(settings), pool_size=size))
        http = await stack.enter_async_context(Http(Way.of(settings)))
        listener = await stack.enter_async_context(hints.events(url, "message.deleted", deletions.heard, "worker hints"))
        await stack.enter_async_context(hints.events(url, "turn.cancelled", deletions.heard, "stop hints"))
        calm = Calm()
        within = log.over(await stack.enter_async_context(pool(log.dsn, size=size, application="tzurot in turns")))
        recall = (
            None
            if settings.memory_recall == "off"
            else LazyRecall(within, full=settings.memory_recall == "full", calm=calm, **knobs(settings))
        )
        nats = listener.config.connection_state.connection
        servers = await stack.enter_async_context(McpServers.of(settings))
        work = Work(settings, log, http, provider, nats, deletions, within=within, recall=recall, calm=calm, mcp=servers)
        stack.enter_context(hints.announced(nats, log))
        await stack.enter_async_context(hints.read_models(nats))
        await stack.enter_async_context(hints.events(url, "job.cancelled", work.called_off.heard, "job hints"))
        await stack.enter_async_context(hints.events(url, "quota.block_lifted", partial(spend.lifted, work), "quota hints"))
        for change in ("provider.connected", "provider.disconnected"):
            await stack.enter_async_context(hints.events(url, change, partial(connect.heard, work), "provider hints"))
        await connect.take_up(work)
        tracing.export("worker")
        metrics.serve(settings.worker_metrics_port, work.telemetry.metrics.registry, "WORKER_METRICS_PORT")
        beat = process.beat(lambda: _beat(work))
        standby = relay.run(settings, lambda: resume.unfinished(log.pool))
        await stack.enter_async_context(_running(sweep(work), keep.keep(work, HANDLERS), initiative.keep(work), beat, standby))

        async def wake(reference: Reference) -> None:
            await handle(work, reference)

        async def ring(reference: Reference) -> None:
            await keep.woken(work, reference)

        await stack.enter_async_context(consume(url, log, JOBS, ring, concurrency=1))
        await stack.enter_async_context(consume(url, log, WORKER, wake, concurrency=settings.worker_concurrency))
        stack.callback(work.leaving.set)
        yield work


async def _beat(work: Work) -> None:
    """Say that this process lives. A hint about the provider may have been lost: what the log says is taken up now and then."""
    await connect.take_up(work)
    await heartbeats.beat(work.log.pool, "worker", {"provider": work.endpoint.name})


@asynccontextmanager
async def _running(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    process.run(main, service="worker")
