"""R26: the same message twice, from one process and from two at once: stored once, and both are told where."""

import asyncio

from tests.chaos.store import lab


async def run(trials: int = 500) -> dict[str, object]:
    """Every message is appended four times, two of them at the same moment by each of two processes' writers."""
    different = 0
    acked: dict[int, int] = {}
    async with lab.database() as server, lab.opened(server.dsn) as one, lab.opened(server.dsn) as two:
        for trial in range(trials):
            event = lab.message(trial, channel=trial % 5)
            found = await asyncio.gather(*(log.append(event) for log in (one, two, one, two)))
            different += len({answer.positions for answer in found}) != 1 or sum(not answer.repeated for answer in found) != 1
            acked[trial] = found[0].positions[0]
        faults = await lab.faults(server.dsn, acked)
        extra = await one.head() - trials
    passed = not different and not extra and not any(faults.values())
    return {"trials": trials, "answers_differ": different, "stored_again": extra, **faults, "passed": passed}
