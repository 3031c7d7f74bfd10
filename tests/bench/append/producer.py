"""One of several processes that append to the same log, begun with the arguments DSN NUMBER EVENTS."""

import asyncio
import sys
from dataclasses import replace

from engine.store import open_log
from engine.vault import MasterKey
from tests.bench.append.load import messages

PRODUCERS = 32


async def produce(dsn: str, number: int, events: int) -> None:
    """A tenth of the events goes to a stream that all processes share."""
    async with open_log(dsn, MasterKey.of(bytes(32))) as log:
        work = messages(PRODUCERS, -(-events // PRODUCERS), (number + 1) * 10_000_000)

        async def one(index: int, count: int) -> None:
            for n in range(count):
                new = work[index][n]
                await log.append(replace(new, stream="shared" if n % 10 == 0 else f"{new.stream}:{number}"))

        shares = [events // PRODUCERS + (index < events % PRODUCERS) for index in range(PRODUCERS)]
        await asyncio.gather(*(one(index, count) for index, count in enumerate(shares)))


def main() -> None:
    asyncio.run(produce(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
