"""One very long reply among many short ones, and a queue that is longer than what a worker may hold."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psutil
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from engine import ids, seed
from engine.bus import WORKER, broker, subjects
from engine.clock import monotonic
from engine.store import Log, open_log
from engine.vault import MasterKey
from tests.chaos.run import Run, percentile
from tests.support import folds, oracle
from tests.support.provider.room import Person
from tests.support.stage import Stage
from tests.support.system import MASTER_KEY, Shape, Tzurot, running, until

CHARACTER = seed.samples()[0].character_id
LONG = "ping-long"
QUEUED_PER_SHORT = 10
WAIT_S = 1.0
RSS_MIB = 50.0
MIB = 1024 * 1024


@dataclass
class Crowd:
    """People in the playground of a running system, each in a channel of their own; the word in a message names its call."""

    tzurot: Tzurot
    stage: Stage
    log: Log
    turns: dict[str, UUID] = field(default_factory=dict)
    said: dict[str, float] = field(default_factory=dict)

    async def say(self, word: str) -> None:
        number = 20_000 + len(self.said)
        person = Person(self.log, user=number, channel=number)
        self.said[word] = monotonic()
        [self.turns[word]] = await person.say(f"{word} hello", CHARACTER)

    async def answered(self, words: list[str], within: float) -> None:
        """Until every one of these turns has its end."""

        waiting = list(words)

        async def look() -> bool:
            while waiting and await self.log.find(ids.terminal(self.turns[waiting[-1]])) is not None:
                waiting.pop()
            return not waiting

        await until(look, within, f"{len(words)} answers")

    def waits(self, words: list[str]) -> list[float]:
        """Seconds from saying a word to the provider hearing it."""
        begun = {call.word: call.begun for call in reversed(self.stage.calls)}
        return sorted(begun[word] - self.said[word] for word in words if word in begun)


async def r20(run: Run) -> None:
    """R20: one reply takes minutes (`--events` seconds) among short ones, which are the trials; then ten times as many queue up."""
    seconds = float(run.events or 180)
    shape = Shape(("projections", "worker"), discord=False, settings={"GENERATION_SECONDS": str(seconds + 60)})
    async with Stage.start() as stage, running(_with(shape, stage)) as tzurot, open_log(tzurot.dsn, _master()) as log:
        crowd = Crowd(tzurot, stage, log)
        warm = [f"ping-w{n}" for n in range(16)]
        for word in warm:
            await crowd.say(word)
        await crowd.answered(warm, 30.0)
        async with _rss(tzurot.pid("worker")) as grown:
            stage.hold(LONG)
            await crowd.say(LONG)
            begun = (await stage.held(LONG)).begun
            short = await _short(run, crowd, min(0.2, seconds / 4 / run.wanted))
            await crowd.answered(short, 60.0)
            queued = await _queue(run, crowd, QUEUED_PER_SHORT * run.wanted)
            await asyncio.sleep(max(0.0, begun + seconds - monotonic()))
            stage.release(LONG)
            await crowd.answered([LONG], 30.0)
        ended = next(call.ended for call in stage.calls if call.word == LONG)
        waits = crowd.waits(short)
        run.figures |= {
            "long_s": round((ended or 0.0) - begun, 1),
            "short_wait_p50_s": percentile(waits, 50),
            "short_wait_p95_s": percentile(waits, 95),
            "queued": len(queued),
            "rss_mib": round(grown[0], 1),
        }
        run.expect(len(waits) == run.wanted, f"{len(waits)} of {run.wanted} short ones were answered")
        run.in_time((percentile(waits, 95) or 0.0) <= WAIT_S, "short ones waited for the long one")
        run.expect(grown[0] <= RSS_MIB, f"the worker grew by {grown[0]:.1f} MiB")
        await _judge(run, crowd, seconds)


def _with(shape: Shape, stage: Stage) -> Shape:
    return Shape(shape.parts, discord=False, settings=shape.settings, provider=stage.address)


def _master() -> MasterKey:
    return MasterKey.of(bytes.fromhex(MASTER_KEY))


async def _short(run: Run, crowd: Crowd, pause: float) -> list[str]:
    words = []
    async for number in run.each():
        words.append(f"ping-s{number}")
        await crowd.say(words[-1])
        await asyncio.sleep(pause)
    return words


async def _queue(run: Run, crowd: Crowd, count: int) -> list[str]:
    """All at once, at a provider that now takes its time."""
    crowd.stage.pace = 0.03
    words, since = [f"ping-q{number}" for number in range(count)], monotonic()
    for word in words:
        await crowd.say(word)
    await crowd.answered(words, 300.0)
    run.figures["queue_drained_s"] = round(monotonic() - since, 1)
    return words


async def _judge(run: Run, crowd: Crowd, seconds: float) -> None:
    """Nothing was delivered to a worker twice, nothing asked twice."""
    async with broker.connected(crowd.tzurot.nats.url, "oracle") as stream:
        info = await until(lambda: _at_rest(stream), 60.0, "every delivery acknowledged")
    deliveries = info.delivered.consumer_seq if info.delivered else 0
    run.figures["deliveries_per_turn"] = round(deliveries / len(crowd.turns), 3)
    run.expect(deliveries == len(crowd.turns), f"{deliveries} deliveries for {len(crowd.turns)} turns")
    counts = Counter(call.word for call in crowd.stage.calls)
    run.llm_calls_max = max(counts.values())
    rows = await oracle.events(crowd.log.dsn)
    calls = {turn: counts[word] for word, turn in crowd.turns.items()}
    found = {"I2": oracle.contiguous(rows), "I3": oracle.one_end(rows, seconds + 60.0), "I4": oracle.calls_bounded(rows, calls, {})}
    run.verdict = oracle.Verdict(found | {"I6": await folds.differences(crowd.log.dsn)})
    run.lost = len(crowd.turns) - sum(row.type == "turn.completed" for row in rows)


async def _at_rest(stream: JetStreamContext) -> ConsumerInfo | None:
    info = await stream.consumer_info(subjects.STREAM, WORKER.name)
    return None if info.num_ack_pending or info.num_pending else info


@asynccontextmanager
async def _rss(pid: int) -> AsyncIterator[list[float]]:
    """By how many MiB a process grew at most within the block."""
    process = psutil.Process(pid)
    base, grown = process.memory_info().rss, [0.0]

    async def watch() -> None:
        while True:
            grown[0] = max(grown[0], (process.memory_info().rss - base) / MIB)
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    try:
        yield grown
    finally:
        watching.cancel()
