"""Several statements in one round trip, safely when whoever waits is cancelled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from psycopg import AsyncConnection, AsyncPipeline, pq

from engine import clock

ENDING_S = 5.0
"""How long a cancelled block waits for the answers that are on their way, in seconds."""


@asynccontextmanager
async def pipelined(connection: AsyncConnection[Any]) -> AsyncIterator[None]:
    """Send the block's statements without awaiting each answer; all are read at its end, also when that is cancelled.

    Within another such block it is a part of that: one of its own would wait for all answers at both its ends.

    psycopg's own end, cut off while it reads, is left half-way: whoever collects it later makes it read on a connection that is closed.
    """
    if connection.pgconn.pipeline_status != pq.PipelineStatus.OFF:
        yield
        return
    block = connection.pipeline()
    await block.__aenter__()
    try:
        yield
    except BaseException as wrong:
        await _ended(block, wrong)
        raise
    await _ended(block, None)


async def _ended(block: AbstractAsyncContextManager[AsyncPipeline], wrong: BaseException | None) -> None:
    ending = asyncio.ensure_future(block.__aexit__(type(wrong) if wrong else None, wrong, wrong.__traceback__ if wrong else None))
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        await _over(ending)
        if not ending.cancel() and not ending.cancelled():
            ending.exception()  # looked at: the cancellation is what is told
        raise


async def _over(ending: "asyncio.Future[Any]") -> None:
    """Wait for the end, but not for ever, however often one is cancelled meanwhile."""
    deadline = clock.monotonic() + ENDING_S
    while not ending.done() and (left := deadline - clock.monotonic()) > 0:
        with suppress(asyncio.CancelledError):
            await asyncio.wait((ending,), timeout=left)
