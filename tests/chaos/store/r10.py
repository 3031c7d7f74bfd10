"""R10: the socket to Postgres is half open: noticed and worked around within 15 seconds."""

import asyncio
import time

from tests.chaos.store import lab
from tests.support.proxy import Proxy, Timeout


async def run(trials: int = 20) -> dict[str, object]:
    """What was sent while the socket was half open is lost in the proxy; later connections work."""
    stalls: list[float] = []
    acked: dict[int, int] = {}
    async with lab.database() as server, Proxy.start(server.port) as proxy:
        async with lab.opened(lab.through(server.tcp_dsn, proxy.port)) as log:
            await log.append(lab.message(0))
            for trial in range(1, trials + 1):
                proxy.add(Timeout(), *(("upstream",), ("downstream",), ())[trial % 3])
                began = time.monotonic()
                append = asyncio.create_task(log.append(lab.message(trial)))
                await asyncio.sleep(0.3)
                proxy.clear()
                acked[trial] = (await append).positions[0]
                stalls.append(time.monotonic() - began)
        found = await lab.faults(server.dsn, acked)
    passed = not any(found.values()) and max(stalls) <= 15.0
    return {"trials": trials, "stall_p50_s": lab.percentile(stalls, 50), "stall_max_s": round(max(stalls), 3), **found, "passed": passed}
