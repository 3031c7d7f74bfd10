"""R07: SIGKILL of the postmaster under 20 appends a second: nothing acknowledged is lost, and the log reconnects by itself."""

import asyncio
import random
import time

from tests.chaos.store import lab


async def run(trials: int = 100, rate: float = 20.0, *, timely: bool = True) -> dict[str, object]:
    """`recovery` is from accepting connections to the first append afterwards; without `timely` it is only measured."""
    recoveries: list[float] = []
    async with lab.database() as server, lab.opened(server.dsn) as log:
        load = lab.Load(log, rate).start()
        for trial in range(trials):
            await asyncio.sleep(random.uniform(0.2, 0.8))
            server.kill()
            await server.wait()
            await server.start()
            began = time.monotonic()
            await log.append(lab.message(10_000_000 + trial, channel=99))
            recoveries.append(time.monotonic() - began)
        drained = await load.stop()
        found = await lab.faults(server.dsn, load.acked)
    passed = not any(found.values()) and not load.errors and load.in_order and (max(recoveries) <= 5.0 or not timely)
    figures = {
        "recovery_p50_s": lab.percentile(recoveries, 50),
        "recovery_max_s": round(max(recoveries), 3),
        "drained_s": round(drained, 3),
    }
    return {"trials": trials, "acked": len(load.acked), "errors": len(load.errors), **found, **figures, "passed": passed}
