"""R09: Postgres is away for a minute: a bounded queue, order kept, everything stored within 10 seconds of its return."""

import asyncio

from engine.store.queue import LIMIT_EVENTS
from tests.chaos.store import lab


async def run(trials: int = 1, events: int = 60, *, timely: bool = True) -> dict[str, object]:
    """`events` is the length of the outage in seconds; 20 messages arrive in each. Without `timely` no duration is held against it."""
    drains: list[float] = []
    longest = 0
    noticed = True
    async with lab.database() as server, lab.opened(server.dsn) as log:
        load = lab.Load(log).start()
        for _ in range(trials):
            await asyncio.sleep(0.5)
            await server.stop()
            for _ in range(events * 10):
                await asyncio.sleep(0.1)
                longest = max(longest, log.waiting)
            noticed = noticed and not log.available
            await server.start()
            drains.append(await load.stop())
            load.start()
        await load.stop()
        available = log.available
        found = await lab.faults(server.dsn, load.acked)
    lost = load.sent - len(load.acked)
    bounded = longest <= LIMIT_EVENTS
    in_time = max(drains) <= 10.0 or not timely
    passed = not any(found.values()) and not lost and load.in_order and bounded and noticed and available and in_time
    figures = {
        "sent": load.sent,
        "unanswered": lost,
        "in_order": load.in_order,
        "longest_queue": longest,
        "drain_max_s": round(max(drains), 3),
    }
    return {"trials": trials, "outage_s": events, **figures, "noticed": noticed, **found, "passed": passed}
