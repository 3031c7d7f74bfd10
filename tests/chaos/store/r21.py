"""R21: an event of 5 MB: stored, read back, followed; what goes to NATS stays a small reference."""

from contextlib import aclosing
from dataclasses import replace

from engine.bus import reference
from engine.events.message import MessageReceived
from tests.chaos.store import lab

LIMIT = 1024
"""Bytes a reference may have; NATS takes 1 MiB."""


async def run(trials: int = 5) -> dict[str, object]:
    """Every trial appends a large event among small ones."""
    errors, largest, size = 0, 0, 5 * 1024 * 1024
    async with lab.database() as server, lab.opened(server.dsn) as log:
        for trial in range(trials):
            event = lab.message(trial * 10, text="å" * (size // 2))
            small = [lab.message(trial * 10 + n, channel=n) for n in range(1, 9)]
            await log.append(*small[:4])
            found = await log.append(replace(event, stream=f"big:{trial}"))
            await log.append(*small[4:])
            recorded = await log.find(event.id)
            intact = recorded is not None and isinstance(recorded.event, MessageReceived) and recorded.event == event.event
            errors += not intact
            async with aclosing(log.follow(found.positions[0] - 1)) as batches:
                async for rows in batches:
                    largest = max(largest, *(len(reference.encode(reference.of_row(row))) for row in rows))
                    break
        faults = await lab.faults(server.dsn, {})
    passed = not errors and largest <= LIMIT and not any(faults.values())
    return {"trials": trials, "errors": errors, "largest_reference_bytes": largest, **faults, "passed": passed}
