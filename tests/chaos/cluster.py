"""The row about several machines: R47. What `tzurot cluster drill` shows as a table."""

import asyncio
import random
from collections import defaultdict
from functools import partial

import psycopg

from engine.bus import broker
from engine.clock import monotonic
from engine.embedded.cluster import Cluster
from engine.embedded.folder import EmbeddedError
from tests.chaos.database import RATE, Crowd, settle
from tests.chaos.run import Run, percentile
from tests.chaos.scene import Scene, scene
from tests.support.system import until

PARTS = ("projections", "projections2", "worker", "worker2", "worker3", "bot", "bot2")
ROUND = ("nats1", "nats2", "nats3", "primary", "replica", "bot", "worker", "projections")
"""What is killed in turn. Of parts that stand by for each other it is another one each round."""
TAKEOVER_S = 10.0
LANES = 8
_COMPARED = 2_000


async def r47(run: Run) -> None:
    """R47: three NATS, Postgres with a replica, two bots, three workers: each is killed under load, the replica promoted.

    `recovery` is from the kill until a message said after it is answered; `--events` is how many messages a second others say meanwhile.
    """
    async with scene(lanes=LANES, parts=PARTS, cluster=True) as stage:
        await whole(stage)
        watching = asyncio.create_task(of(stage).watch())
        await struck(run, stage, float(run.events or RATE))
        watching.cancel()
        await stage.judge(run)


async def struck(run: Run, stage: Scene, rate: float) -> None:
    """The trials of R47."""
    crowd, took = Crowd(stage, LANES, rate), defaultdict[str, list[float]](list)
    async for trial in run.each():
        await asyncio.sleep(random.uniform(0.5, 1.5))
        kind, number = ROUND[trial % len(ROUND)], trial // len(ROUND)
        before = await _newest(stage)
        since = monotonic()
        node = await _kill(stage, kind, number)
        said = await stage.say(trial % LANES)
        await stage.follow(run, said, since)
        took[kind].append(monotonic() - since)
        gone = before - await _newest(stage, max((position for position, _ in before), default=0))
        run.lost += len(gone)
        run.expect(not gone, f"{len(gone)} events that could be read were gone after {node} was killed")
        await stage.tzurot.start(node)
        await whole(stage)
    await settle(run, stage, crowd)
    run.figures["killed"] = table(took)
    slowest = max(run.recoveries, default=0.0)
    run.in_time(slowest <= TAKEOVER_S, f"it took {slowest:.1f} s until somebody was answered again")


def table(took: dict[str, list[float]]) -> list[dict[str, object]]:
    """Seconds until an answer, by what was killed. Pure."""
    return [
        {"node": node, "kills": len(seconds), "p50_s": percentile(sorted(seconds), 50), "max_s": percentile(sorted(seconds), 100)}
        for node, seconds in took.items()
    ]


async def _kill(stage: Scene, kind: str, number: int) -> str:
    """Kill one of a kind, and promote the replica where it was the primary; returns its name."""
    cluster = of(stage)
    twins = {"bot": ("bot", "bot2"), "worker": ("worker", "worker2", "worker3"), "projections": ("projections", "projections2")}
    names = twins.get(kind) or {"primary": (cluster.primary,), "replica": (cluster.replica,)}.get(kind, (kind,))
    node = names[number % len(names)]
    await stage.kill(node)
    if kind == "primary":
        await cluster.promote()
    return node


def of(stage: Scene) -> Cluster:
    """The servers of a scene that has several."""
    assert stage.tzurot.cluster is not None
    return stage.tzurot.cluster


async def _newest(stage: Scene, until_: int = 2**62) -> set[tuple[int, object]]:
    """The newest events as they can be read now."""
    statement = "SELECT position, event_id FROM events WHERE position <= %s ORDER BY position DESC LIMIT %s"

    async def read() -> set[tuple[int, object]] | None:
        try:
            async with await psycopg.AsyncConnection.connect(stage.tzurot.dsn) as connection:
                return set(await (await connection.execute(statement, (until_, _COMPARED))).fetchall())
        except psycopg.OperationalError:
            return None

    return await until(read, 60.0, "the log can be read")


async def whole(stage: Scene) -> None:
    """Wait until one more may be lost: every copy of the stream is current, and the replica has what it is waited for with."""
    cluster = of(stage)
    async with broker.connected(cluster.nats_url, "drill") as stream:

        async def current() -> bool:
            try:
                _, others = await broker.copies(stream)
            except broker.TROUBLE:
                return False
            return len(others) == len(cluster.brokers) - 1

        await until(current, 90.0, "every copy of the stream is current")
    await until(partial(_followed, cluster), 90.0, "the replica is waited for")


async def _followed(cluster: Cluster) -> bool:
    try:
        async with await psycopg.AsyncConnection.connect(cluster.dsn) as connection:
            found = await connection.execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'")
            return await found.fetchone() == (1,)
    except (psycopg.OperationalError, EmbeddedError):
        return False
