"""Rows about the worker: R01, R02, R05, R06, R41."""

import asyncio
import random

from engine.bus import broker, subjects
from engine.clock import monotonic
from tests.chaos.run import Run
from tests.chaos.scene import Said, Scene, scene
from tests.support.system import until

HELD_AT_ONCE = 10
ENDED_IN = 12
SLEPT_AT_ONCE = 25
ACK_WAIT_S = 40.0
"""Longer than the broker waits for a dead consumer's acknowledgement."""
FAIL_AFTER_APPEND = "turn.after_append:kill:1"


async def r01(run: Run) -> None:
    """R01: SIGKILL of the worker while answers are streaming. A trial is one turn cut off in mid-stream, several to a kill."""
    async with scene(lanes=HELD_AT_ONCE) as stage:
        await cut_off(run, stage)
        await stage.judge(run)
        run.expect(run.llm_calls_max <= 2, f"{run.llm_calls_max} provider calls for one turn")


async def cut_off(run: Run, stage: Scene) -> None:
    """The trials of R01."""
    async for _ in run.each(HELD_AT_ONCE):
        said = [await _held(stage, lane) for lane in range(HELD_AT_ONCE)]
        since = monotonic()
        await stage.kill("worker")
        run.figures["kills"] = int(str(run.figures.get("kills", 0))) + 1
        await stage.tzurot.start("worker")
        await asyncio.gather(*(stage.follow(run, one, since) for one in said))


async def _held(stage: Scene, lane: int) -> Said:
    """A message whose answer stands in mid-stream."""
    word = f"ping-{len(stage.said)}"
    stage.stage.hold(word)
    said = await stage.say_word(word, lane)
    await stage.stage.held(word)
    return said


async def r02(run: Run) -> None:
    """R02: the worker dies between the append of the turn's end and the acknowledgement. The redelivery must not ask the provider again."""
    async with scene(lanes=ENDED_IN) as stage:
        await ended(run, stage)
        await stage.judge(run)


async def ended(run: Run, stage: Scene) -> None:
    """The trials of R02."""
    await stage.tzurot.restart("worker", FAIL_AFTER_APPEND)
    words = []
    async for trial in run.each():
        said = await stage.say(trial % ENDED_IN)
        words.append(said.word)
        since = monotonic()
        await stage.tzurot.died("worker")
        await stage.tzurot.start("worker", FAIL_AFTER_APPEND if trial + 1 < run.wanted else "")
        await stage.follow(run, said, since)
    await until(lambda: acknowledged(stage), ACK_WAIT_S, "every redelivery acknowledged")
    counts = stage.stage.counts()
    extra = sum(counts[word] - 1 for word in words)
    run.figures["extra_llm_calls"] = extra
    run.expect(extra == 0, f"{extra} provider calls too many")


async def acknowledged(stage: Scene) -> bool:
    """Whether no consumer has anything waiting or unacknowledged."""
    async with broker.connected(stage.tzurot.nats.url, "oracle") as stream:
        for durable in subjects.DURABLES:
            info = await stream.consumer_info(subjects.STREAM, durable)
            if info.num_ack_pending or info.num_pending:
                return False
        return True


async def r05(run: Run) -> None:
    """R05: SIGTERM of each process in turn under load. What is in hand is finished or given back; the exit code is 0."""
    lanes = 6
    async with scene(lanes=lanes, pace=0.05) as stage:
        async for trial in run.each():
            part = ("worker", "bot", "projections")[trial % 3]
            said = [await stage.say(lane) for lane in range(lanes)]
            await asyncio.sleep(random.uniform(0.0, 0.4))
            since = monotonic()
            process = stage.tzurot.parts[part]
            await process.stop()
            took = monotonic() - since
            code, _ = await process.wait()
            run.expect(code == 0, f"{part} ended with {code}")
            run.in_time(took < 15.0, f"{part} ended after {took:.1f} s")
            await stage.tzurot.start(part)
            await asyncio.gather(*(stage.follow(run, one, since) for one in said))
        await stage.judge(run)
        run.expect(run.llm_calls_max == 1 or not run.verdict or run.verdict.holds, "a turn was paid twice")


async def r06(run: Run, seconds: float = 60.0) -> None:
    """R06: a worker is stopped in mid-stream, another takes the turn over, the first wakes up: its answer is dropped.

    `--events` is how many seconds it sleeps: longer than the lease and than the broker's ack wait. Many turns to a sleep.
    """
    sleep, at_once = float(run.events or seconds), min(SLEPT_AT_ONCE, run.wanted)
    async with scene(lanes=at_once, settings={"WORKER_CONCURRENCY": str(at_once + 2)}) as stage:
        async for _ in run.each(at_once):
            said = [await _held(stage, lane) for lane in range(at_once)]
            since = monotonic()
            stage.deaths.update(one.word for one in said)  # a sleeper counts as dead: its turns may be paid once more
            stage.tzurot.pause("worker")
            await stage.tzurot.start("worker2")
            await asyncio.gather(*(stage.follow(run, one, since) for one in said))
            await asyncio.sleep(max(0.0, sleep - (monotonic() - since)))
            stage.tzurot.resume("worker")
            for one in said:
                stage.stage.release(one.word)
            await asyncio.sleep(1.0)
            await stage.tzurot.stop("worker2")
        await stage.judge(run)


async def r41(run: Run, waiting: int = 1_000) -> None:
    """R41: a thousand turns wait in one channel. Whoever speaks elsewhere is answered as if they did not.

    A trial is a message elsewhere; `--events` is how many turns wait. They hold no more of the broker than the worker has hands.
    """
    lanes, hands = 8, 8
    async with scene(lanes=lanes, pace=0.02, settings={"WORKER_CONCURRENCY": str(hands)}) as stage:
        for number in range(run.events or waiting):
            await stage.say(0, user=f"crowd-{number}")
        held: list[int] = []
        async for trial in run.each(lanes - 1):
            since = monotonic()
            said = [await stage.say(lane, user=f"calm-{trial}-{lane}") for lane in range(1, lanes)]
            held.append(await _unacknowledged(stage))
            await asyncio.gather(*(stage.follow(run, one, since) for one in said))
        run.figures |= {"unanswered_then": len(stage.unanswered(stage.said.values())), "broker_slots_max": max(held, default=0)}
        run.in_time(run.p95 < 1.0, f"others waited {run.p95:.2f} s at the 95th percentile")
        run.expect(max(held, default=0) <= 2 * hands, f"{max(held, default=0)} messages were unacknowledged")
        await until(lambda: _all_answered(stage), 30.0 + (run.events or waiting), "the busy channel answered")
        await stage.judge(run, within=60.0 + (run.events or waiting))


async def _all_answered(stage: Scene) -> bool:
    return not stage.unanswered(stage.said.values())


async def _unacknowledged(stage: Scene) -> int:
    """The most that any consumer of the worker's has taken and not finished."""
    async with broker.connected(stage.tzurot.nats.url, "oracle") as stream:
        return max([(await stream.consumer_info(subjects.STREAM, durable)).num_ack_pending or 0 for durable in subjects.DURABLES])
