"""One writing process of R12, begun with the arguments DSN NUMBER EVENTS. Appends of 1, 3 and 40 events, as they come."""

import asyncio
import random
import sys
from dataclasses import replace

from engine.store import NewEvent
from tests.chaos.store import lab

PRODUCERS = 32
SIZES = (1, 1, 1, 3, 40)


async def produce(dsn: str, number: int, events: int) -> None:
    """Exactly so many events; a tenth to a stream that all processes share."""
    left = events
    noise = random.Random(number)
    async with lab.opened(dsn) as log:

        async def one(index: int) -> None:
            nonlocal left
            while left > 0:
                size = min(left, noise.choice(SIZES))
                first = (number + 1) * 10_000_000 + events - left
                left -= size
                await log.append(*(_event(number, index, first + n) for n in range(size)))

        await asyncio.gather(*(one(index) for index in range(PRODUCERS)))


def _event(number: int, index: int, key: int) -> NewEvent:
    made = lab.message(key, channel=number * 1_000 + index + 10_000)
    return replace(made, stream="shared") if key % 10 == 0 else made


def main() -> None:
    asyncio.run(produce(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
