"""Rows about NATS: R14, R15, R16, R17, R18, R19."""

import asyncio
import random
from functools import partial

import psycopg

from engine.bus import broker, subjects
from engine.bus.reference import decode, encode, of_row
from engine.clock import monotonic
from engine.store import Query, reader
from tests.chaos.database import Crowd, settle
from tests.chaos.run import Run
from tests.chaos.scene import Scene, scene
from tests.chaos.workers import acknowledged
from tests.support.proxy import Proxy
from tests.support.system import until


async def r14(run: Run) -> None:
    """R14: SIGKILL of nats-server again and again under load. Nobody loses a message, nobody sees one twice."""
    lanes = 16
    async with scene(lanes=lanes) as stage:
        crowd = Crowd(stage, lanes, float(run.events or 10))
        async for _ in run.each():
            await asyncio.sleep(random.uniform(0.5, 1.5))
            stage.tzurot.nats.kill()
            await stage.tzurot.start("nats")
            probe, since = await stage.say(0), monotonic()
            await stage.follow(run, probe, since)
        await settle(run, stage, crowd)
        run.in_time(run.p95 <= 2.0, f"the 95th percentile of recoveries was {run.p95} s")
        await stage.judge(run)


async def r15(run: Run, seconds: float = 300.0) -> None:
    """R15: NATS is away for minutes while people talk; `--events` is for how many seconds. Back again, it is told everything in order.

    `recovery` is from its start until the relay has caught up with what the log held then.
    """
    lanes, rate = 16, 3.0
    async with scene(lanes=lanes) as stage:
        before = await _count(stage)
        async for _ in run.each():
            await stage.kill("nats")
            crowd = Crowd(stage, lanes, rate)
            await asyncio.sleep(float(run.events or seconds))
            head, relayed = await _stands(stage)
            run.figures |= {"outage_events": head - before, "relay_lag": head - relayed}
            since = monotonic()
            await stage.tzurot.start("nats")
            await until(partial(_relayed, stage, head), 120.0, "the relay at the head of the log")
            run.recoveries.append(monotonic() - since)
            await settle(run, stage, crowd)
        run.in_time(max(run.recoveries) <= 30.0, f"the relay took {max(run.recoveries):.1f} s to catch up")
        out_of_order = await _out_of_order(stage)
        run.expect(not out_of_order, f"{out_of_order} references were published after later ones")
        await stage.judge(run, within=240.0)


async def _stands(stage: Scene) -> tuple[int, int]:
    """Positions of the newest event and of the last one published."""
    async with await psycopg.AsyncConnection.connect(stage.tzurot.dsn) as connection:
        row = await (await connection.execute("SELECT h.position, r.position FROM log_head h, relay r")).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


async def _relayed(stage: Scene, position: int) -> bool:
    return (await _stands(stage))[1] >= position


async def _out_of_order(stage: Scene) -> int:
    """How many references the stream holds behind one with a higher position."""
    wrong = highest = 0
    async with broker.connected(stage.tzurot.nats.url, "chaos") as stream:
        reader = await stream.subscribe(subjects.EVERYTHING, ordered_consumer=True)
        for _ in range((await stream.stream_info(subjects.STREAM)).state.messages):
            position = decode((await reader.next_msg(timeout=5.0)).data).position
            wrong, highest = wrong + (position < highest), max(highest, position)
    return wrong


async def r16(run: Run) -> None:
    """R16: every socket to NATS falls silent and stays open. Each is given up within 30 s, and messages are answered meanwhile.

    A trial is one socket; `recovery` is how long its owner believed in it.
    """
    async with scene(lanes=4, bus_proxied=True) as stage:
        bus = stage.tzurot.bus_proxy
        assert bus is not None
        sockets = bus.connections
        async for trial in run.each(sockets):
            await asyncio.sleep(random.uniform(0.0, 8.0))  # any moment between two pings
            run.expect(bus.freeze() == sockets, f"there were other than {sockets} sockets to NATS")
            said = await stage.say(trial % 4)
            await until(partial(_given_up, bus), 60.0, "all silent sockets closed")
            await stage.answered(said)
            await until(partial(_back, bus, sockets), 60.0, "everybody connected again")
        run.recoveries = list(bus.silences)
        run.figures["sockets"] = sockets
        run.in_time(max(run.recoveries) <= 30.0, f"a silent socket was believed in for {max(run.recoveries):.1f} s")
        await stage.judge(run)


async def _given_up(bus: Proxy) -> bool:
    return bus.frozen == 0


async def _back(bus: Proxy, sockets: int) -> bool:
    return bus.connections == sockets


async def r17(run: Run) -> None:
    """R17: NATS loses everything it had, with turns in mid-stream and others said meanwhile. Nothing is lost, nothing said twice."""
    async with scene(lanes=6) as stage:
        await wiped(run, stage)
        await stage.judge(run)


async def wiped(run: Run, stage: Scene) -> None:
    """The trials of R17."""
    async for _ in run.each():
        held = [await _held(stage, lane) for lane in range(2)]
        await stage.kill("nats")
        stage.tzurot.nats.wipe()
        said = [await stage.say(lane) for lane in range(2, 6)]
        for word in held:
            stage.stage.release(word)
        since = monotonic()
        await stage.tzurot.start("nats")
        everything = [*(stage.said[word] for word in held), *said]
        await asyncio.gather(*(stage.follow(run, one, since) for one in everything))
    await until(lambda: acknowledged(stage), 60.0, "every reference acknowledged")


async def _held(stage: Scene, lane: int) -> str:
    word = f"ping-{len(stage.said)}"
    stage.stage.hold(word)
    await stage.say_word(word, lane)
    await stage.stage.held(word)
    return word


async def r18(run: Run) -> None:
    """R18: everything is published again, three times and shuffled, without message ids. No effect is repeated.

    A trial is one reference published once more.
    """
    async with scene(lanes=4) as stage:
        said = [await stage.say(number % 4) for number in range(20)]
        await asyncio.gather(*(stage.answered(one) for one in said))
        await stage.rest()
        before = await _count(stage)
        async with (
            broker.connected(stage.tzurot.nats.url, "chaos") as stream,
            await psycopg.AsyncConnection.connect(stage.tzurot.dsn) as log,
        ):
            references = [of_row(row) async for row in reader.rows(log, Query())]
            copies = references * 3
            async for _ in run.each(len(copies)):
                random.shuffle(copies)
                for reference in copies:
                    await stream.publish(reference.subject, encode(reference))
        await until(lambda: acknowledged(stage), 120.0, "every copy acknowledged")
        run.expect(await _count(stage) == before, "events were appended for copies")
        await stage.judge(run)


async def r19(run: Run) -> None:
    """R19: what is no reference of ours is put aside at once, with a record; neighbours are answered and no body is logged."""
    canary = "canary-7d1f"
    async with scene(lanes=4) as stage, broker.connected(stage.tzurot.nats.url, "chaos") as stream:
        async for trial in run.each():
            await stream.publish(subjects.of_event("turn.requested", "discord"), _poison(trial, canary))
            if trial % 25 == 0:
                said, since = await stage.say(trial // 25 % 4), monotonic()
                await stage.follow(run, said, since)
        await until(lambda: acknowledged(stage), 120.0, "all poison put aside")
        records = await _count(stage, "ops.dead_lettered")
        run.figures["dead_letters"] = records
        run.expect(records == run.trials, f"{records} dead letters for {run.trials} poisoned messages")
        logged = sum(stage.tzurot.log_of(part).count(canary) for part in stage.tzurot.parts)
        run.expect(logged == 0, f"{logged} log lines quote a poisoned body")
        await stage.judge(run)


def _poison(number: int, canary: str) -> bytes:
    """Not JSON, an unknown type, a newer schema, a row that is missing, too long."""
    known = '{"position":%d,"id":"6f6b1c5e-3f0e-5d0a-9a57-7a2f0d1c4b8e","type":"%s","schema_version":%d}'
    kinds = (
        f"not json {canary}",
        known % (1, f"unknown.{canary}", 1),
        known % (1, "turn.requested", 99),
        known % (1, "turn.requested", 1),
        canary * 250,
    )
    return kinds[number % len(kinds)].encode()


async def _count(stage: Scene, type_: str = "") -> int:
    async with await psycopg.AsyncConnection.connect(stage.tzurot.dsn) as connection:
        row = await (await connection.execute("SELECT count(*) FROM events WHERE %s IN ('', type)", (type_,))).fetchone()
        return int(row[0]) if row else 0
