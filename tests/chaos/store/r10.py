"""R10: the socket to Postgres is half open: noticed and worked around within 15 seconds."""

import asyncio
import time
from contextlib import AsyncExitStack

from engine.store import Log
from tests.chaos.store import lab
from tests.support.proxy import Proxy

AT_ONCE = 5
"""Logs, each with sockets of its own, that go silent together."""


async def run(trials: int = 20, *, timely: bool = True) -> dict[str, object]:
    """Every socket there is falls silent for ever and stays open; what is appended then must arrive over a new one.

    Without `timely` how soon is only measured.
    """
    stalls: list[float] = []
    acked: dict[int, int] = {}
    async with lab.database() as server, Proxy.start(server.port) as proxy, AsyncExitStack() as stack:
        dsn = lab.through(server.tcp_dsn, proxy.port)
        logs = [await stack.enter_async_context(lab.opened(dsn)) for _ in range(min(trials, AT_ONCE))]
        await asyncio.gather(*(log.append(lab.message(10_000 + n, channel=n)) for n, log in enumerate(logs)))
        for first in range(0, trials, len(logs)):
            proxy.freeze()
            numbers = range(first, min(first + len(logs), trials))
            await asyncio.gather(*(_append(log, number, acked, stalls) for log, number in zip(logs, numbers, strict=False)))
        found = await lab.faults(server.dsn, acked)
    passed = not any(found.values()) and len(stalls) == trials and (max(stalls) <= 15.0 or not timely)
    return {"trials": trials, "stall_p50_s": lab.percentile(stalls, 50), "stall_max_s": round(max(stalls), 3), **found, "passed": passed}


async def _append(log: Log, number: int, acked: dict[int, int], stalls: list[float]) -> None:
    began = time.monotonic()
    acked[number] = (await log.append(lab.message(number, channel=number % AT_ONCE))).positions[0]
    stalls.append(time.monotonic() - began)
