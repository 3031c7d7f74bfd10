"""How one head row carries many writing processes: `python -m tests.bench.growth.simulate`. Feeds docs/scaling.md.

Events arrive at random at W processes. Each process has at most one batch waiting for the head and takes as its next batch what arrived
meanwhile. Holding the head costs a fixed time (lock, commit, flush) and a time per event.
"""

import heapq
import random
from dataclasses import dataclass

FIXED_S, EACH_S = 0.0006, 0.000020
"""Measured on two busy cores: 0.6 ms for a batch of one, 20 microseconds more for each further event."""
BATCH = 1_024


@dataclass(frozen=True, slots=True)
class Outcome:
    """Latencies in milliseconds, how busy the head is, and the mean size of a batch."""

    p50: float
    p99: float
    busy: float
    batch: float


def simulate(rate: float, writers: int, seconds: float = 20.0, seed: int = 1) -> Outcome:
    """Open arrivals at `rate` events a second, spread evenly over the writers; first come, first served at the head."""
    noise = random.Random(seed)
    arrivals = [(at, noise.randrange(writers)) for at in _poisson(rate, seconds, noise)]
    queues: list[list[float]] = [[] for _ in range(writers)]
    waiting: list[tuple[float, int]] = []
    latencies: list[float] = []
    free_at = busy = batches = 0.0
    index = 0
    while index < len(arrivals) or waiting:
        now = free_at if waiting else max(free_at, arrivals[index][0])
        while index < len(arrivals) and arrivals[index][0] <= now:
            at, writer = arrivals[index]
            if not queues[writer]:
                heapq.heappush(waiting, (at, writer))
            queues[writer].append(at)
            index += 1
        _, writer = heapq.heappop(waiting)
        batch, queues[writer] = queues[writer][:BATCH], queues[writer][BATCH:]
        held = FIXED_S + EACH_S * len(batch)
        free_at, busy, batches = now + held, busy + held, batches + 1
        latencies += [free_at - at for at in batch]
        if queues[writer]:
            heapq.heappush(waiting, (queues[writer][0], writer))
    latencies.sort()
    return Outcome(
        latencies[len(latencies) // 2] * 1000, latencies[int(len(latencies) * 0.99)] * 1000, busy / free_at, len(latencies) / batches
    )


def _poisson(rate: float, seconds: float, noise: random.Random) -> list[float]:
    found, at = [], 0.0
    while (at := at + noise.expovariate(rate)) < seconds:
        found.append(at)
    return found


if __name__ == "__main__":
    print("| events/s | writers | p50 ms | p99 ms | head busy | batch |\n|---|---|---|---|---|---|")
    for rate in (1_000, 7_000, 14_000, 28_000):
        for writers in (1, 4, 16, 64):
            found = simulate(rate, writers, 5.0)
            print(f"| {rate:,} | {writers} | {found.p50:.1f} | {found.p99:.1f} | {found.busy:.0%} | {found.batch:.1f} |")
