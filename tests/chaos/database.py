"""Rows about Postgres as the whole system sees it: R07, R08, R09. The store's own rows are in tests/chaos/store."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from functools import partial

import aiohttp
import psycopg

from engine import ids
from engine.clock import monotonic
from tests.chaos.run import Run
from tests.chaos.scene import Said, Scene, scene
from tests.support.commits import LostReplies
from tests.support.system import until

RATE = 20.0
PATIENCE_S = 45.0


class Crowd:
    """Says `rate` messages a second in all lanes until told to stop."""

    def __init__(self, stage: Scene, lanes: int, rate: float) -> None:
        self.said: list[Said] = []
        self._stage, self._lanes, self._rate = stage, lanes, rate
        self._task = asyncio.create_task(self._talk())

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _talk(self) -> None:
        begun = monotonic()
        while True:
            self.said.append(await self._stage.say(len(self.said) % self._lanes))
            await asyncio.sleep(max(0.0, begun + len(self.said) / self._rate - monotonic()))


async def settle(run: Run, stage: Scene, crowd: Crowd) -> None:
    """Stop the crowd and see every message answered. Lost is what has no answer when none has come for a while."""
    await crowd.stop()
    end = moved = monotonic()
    waiting = crowd.said
    while waiting and monotonic() - moved < PATIENCE_S:
        left = stage.unanswered(waiting)
        moved = monotonic() if len(left) < len(waiting) else moved
        waiting = left
        await asyncio.sleep(0.25)
    run.lost += len(waiting)
    run.broken += [f"{one.word} was not answered" for one in waiting[:5]]
    run.figures |= {"messages": len(crowd.said), "drained_s": round(monotonic() - end, 1)}


async def r07(run: Run) -> None:
    """R07: SIGKILL of the postmaster under load. `recovery` is from accepting connections to the first append."""
    async with scene(lanes=16) as stage:
        await under_load(run, stage, lanes=16)
        await stage.judge(run)


async def under_load(run: Run, stage: Scene, lanes: int) -> None:
    """The trials of R07."""
    crowd = Crowd(stage, lanes, float(run.events or RATE))
    async for _ in run.each():
        await asyncio.sleep(random.uniform(0.5, 1.5))
        stage.tzurot.postgres.kill()
        await stage.tzurot.start("postgres")
        before, since = await _head(stage), monotonic()
        await until(partial(_moved, stage, before), 60.0, "an append after the restart")
        run.recoveries.append(monotonic() - since)
    await settle(run, stage, crowd)
    run.in_time(max(run.recoveries) <= 5.0, f"the first append came {max(run.recoveries):.1f} s after Postgres")


async def _head(stage: Scene) -> int:
    async with await psycopg.AsyncConnection.connect(stage.tzurot.dsn) as connection:
        row = await (await connection.execute("SELECT position FROM log_head")).fetchone()
        return int(row[0]) if row else 0


async def _moved(stage: Scene, before: int) -> bool:
    return await _head(stage) > before


async def r08(run: Run) -> None:
    """R08: the answer to an append is lost after its commit, be it the bot's or the worker's. `skip` moves through a turn's appends."""
    replies = LostReplies()
    async with scene(lanes=4, inspect=replies.inspector) as stage:
        await unanswered(run, stage, replies)
        await stage.judge(run)


async def unanswered(run: Run, stage: Scene, replies: LostReplies) -> None:
    """The trials of R08; every part's way to Postgres is looked through for `replies`."""
    async for trial in run.each():
        replies.skip, replies.armed = trial % 6, 1
        since = monotonic()
        said = await stage.say(trial % 4)
        await stage.follow(run, said, since)
    replies.armed = 0
    run.figures["replies_lost"] = replies.lost
    run.expect(replies.lost >= run.trials * 0.9, f"only {replies.lost} answers were lost in {run.trials} trials")


async def r09(run: Run, seconds: float = 60.0) -> None:
    """R09: Postgres is down for a minute while people talk; `--events` is for how many seconds. All of it is stored soon after, in order.

    `recovery` is from Postgres' return until everything said before it is in the log.
    """
    lanes, outage = 16, float(run.events or seconds)
    async with scene(lanes=lanes, parts=("projections", "worker", "bot", "console")) as stage:
        async for _ in run.each():
            run.expect(await _readiness(stage) == 200, "the console was not ready before")
            crowd, begun = Crowd(stage, lanes, RATE), monotonic()
            await asyncio.sleep(2.0)
            await stage.tzurot.stop("postgres")
            await asyncio.sleep(outage)
            run.expect(await _readiness(stage) == 503, "the console called itself ready without Postgres")
            waiting, since = [one.id for one in crowd.said], monotonic()
            await stage.tzurot.start("postgres")
            await until(partial(_stored, stage, waiting), 60.0, "everything said is stored")
            run.recoveries.append(monotonic() - since)
            _count_notices(run, stage, begun, outage)
            await settle(run, stage, crowd)
            await until(partial(_is_ready, stage), 60.0, "the console ready again")
        run.in_time(max(run.recoveries) <= 10.0, f"storing it all took {max(run.recoveries):.1f} s")
        run.expect(await _in_order(stage), "messages of a channel were stored in another order than said")
        await stage.judge(run, within=240.0)


async def _readiness(stage: Scene) -> int:
    async with aiohttp.ClientSession(stage.tzurot.console) as visitor, visitor.get("/readyz") as answer:
        return answer.status


async def _is_ready(stage: Scene) -> bool:
    return await _readiness(stage) == 200


async def _stored(stage: Scene, messages: list[int]) -> bool:
    events = [ids.message_event(message, "received") for message in messages]
    with suppress(psycopg.OperationalError):
        async with await psycopg.AsyncConnection.connect(stage.tzurot.dsn) as connection:
            row = await (await connection.execute("SELECT count(*) FROM events WHERE event_id = ANY(%s)", (events,))).fetchone()
            return row is not None and int(row[0]) == len(events)
    return False


def _count_notices(run: Run, stage: Scene, begun: float, outage: float) -> None:
    """Every channel is told, and none more than once in a minute."""
    sent = [e for e in stage.discord.recorder.of("POST", "/channels/{channel_id}/messages") if e.at >= begun and e.status < 300]
    counts = Counter(exchange.path for exchange in sent)
    run.figures |= {"notices": len(sent), "channels_told": len(counts)}
    most = 1 + int(outage / 60.0)
    run.expect(len(counts) == len({said.channel for said in stage.said.values()}), f"only {len(counts)} channels were told to wait")
    run.expect(max(counts.values(), default=0) <= most, f"a channel was told {max(counts.values(), default=0)} times in {outage:g} s")


async def _in_order(stage: Scene) -> bool:
    """Whether every channel's messages stand in the log in the order in which they were said."""
    statement = "SELECT channel, (convert_from(data, 'UTF8')::json->>'message_id')::bigint FROM events WHERE type = 'message.received'"
    async with await psycopg.AsyncConnection.connect(stage.tzurot.dsn) as connection:
        rows = await (await connection.execute(statement + " ORDER BY position")).fetchall()
    by_channel: dict[int, list[int]] = {}
    for channel, message in rows:
        by_channel.setdefault(channel, []).append(message)
    return all(messages == sorted(messages) for messages in by_channel.values())
