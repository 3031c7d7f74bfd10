"""What the rows share: a durable Postgres of their own, a log on it, load, and the questions asked afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlsplit

import psycopg

from engine import embedded, ids
from engine.events.base import Tags, user_subject
from engine.events.message import MessageReceived
from engine.store import Appended, Log, NewEvent, open_log
from engine.vault import MasterKey
from projections.base import Projection
from projections.registry import ALL
from tests.support import clusters
from tests.support.canaries import in_files

MASTER = MasterKey.of(sha256(b"master key of the lab").digest())
CANARY = "canary-510bab5e510bab5e"
"""What everybody says: it may stand readable in no file of the database."""
FIRST_ID = 1_350_000_000_000_000_000


def message(number: int, *, channel: int = 1, user: int = 5, text: str = f"my secret is {CANARY}", expect: int | None = None) -> NewEvent:
    """A message; its number makes its id."""
    event = MessageReceived(
        message_id=FIRST_ID + number, channel_id=channel, author_id=user, venue="playground", text=text, author_name="Ann"
    )
    event_id = ids.message_event(FIRST_ID + number, "received")
    return NewEvent(event, f"channel:{channel}", event_id, Tags(channel=channel, user=user), (user_subject(user),), expect=expect)


@asynccontextmanager
async def database() -> AsyncIterator[embedded.Postgres]:
    """A durable server with a migrated database, whose files are searched at the end for what must not be readable in them (I8)."""
    async with clusters.temporary() as server:
        yield server
        needles = {"what somebody said": CANARY.encode(), "the master key": MASTER.secret}
        leaks = await asyncio.to_thread(in_files, needles, server.folder)
        assert not leaks, "; ".join(leaks)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MASTER) as log:
        yield log


def through(dsn: str, port: int) -> str:
    """The same database over a proxy's port."""
    parts = urlsplit(dsn)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()


@dataclass
class Load:
    """Appends `rate` messages a second in turn to some channels, without waiting for one before sending the next."""

    log: Log
    rate: float = 20.0
    channels: int = 4
    first: int = 0
    acked: dict[int, int] = field(default_factory=dict)
    """Message number -> position."""
    sent: int = 0
    errors: list[str] = field(default_factory=list)
    slowest: float = 0.0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _talking: asyncio.Task[None] | None = None

    def start(self) -> "Load":
        self._talking = asyncio.create_task(self._talk())
        return self

    async def _talk(self) -> None:
        while True:
            number, self.sent = self.first + self.sent, self.sent + 1
            task = asyncio.create_task(self._one(number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(1 / self.rate)

    async def _one(self, number: int) -> None:
        began = time.monotonic()
        try:
            found: Appended = await self.log.append(message(number, channel=1 + number % self.channels))
        except Exception as error:  # what kinds of error come up is what is counted
            self.errors.append(type(error).__name__)
        else:
            self.acked[number] = found.positions[0]
        self.slowest = max(self.slowest, time.monotonic() - began)

    async def stop(self) -> float:
        """Send nothing more and wait for all answers; returns how long that took in seconds."""
        began = time.monotonic()
        if self._talking is not None:
            self._talking.cancel()
            with suppress(asyncio.CancelledError):
                await self._talking
        while self._tasks:
            await asyncio.gather(*self._tasks)
            await asyncio.sleep(0)  # of tasks that are all done gather makes no pause, and they would never leave the set
        return time.monotonic() - began

    @property
    def in_order(self) -> bool:
        """Whether every channel's messages stand in the log in the order they were sent."""
        by_channel: dict[int, list[int]] = {}
        for number in sorted(self.acked):
            by_channel.setdefault(number % self.channels, []).append(self.acked[number])
        return all(positions == sorted(positions) for positions in by_channel.values())


async def concerned(log: Log) -> list[Projection]:
    """The read models that an event in the log is for. The others are empty, folded or not."""
    async with log.pool.connection() as connection:
        there = {str(name) for (name,) in await (await connection.execute("SELECT DISTINCT type FROM events")).fetchall()}
    return [projection for projection in ALL if projection.types & there]


async def faults(dsn: str, acked: dict[int, int]) -> dict[str, int]:
    """What must all be 0: acknowledged events that are not there, gaps in positions, gaps in stream versions, events stored twice."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute("SELECT position, event_id FROM events ORDER BY position")
        rows = await cursor.fetchall()
        broken = await (
            await connection.execute(
                "SELECT count(*) FROM (SELECT stream FROM events GROUP BY stream HAVING max(version) <> count(*) OR min(version) <> 1) s"
            )
        ).fetchone()
    there = {event_id: position for position, event_id in rows}
    lost = sum(there.get(ids.message_event(FIRST_ID + number, "received")) != position for number, position in acked.items())
    gaps = sum(position != n for n, (position, _) in enumerate(rows, 1))
    return {"lost": lost, "gaps": gaps, "broken_streams": int(broken[0]) if broken else 0, "duplicates": len(rows) - len(there)}


def percentile(values: list[float], percent: float) -> float:
    """Nearest rank; 0 for nothing."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 3) if ordered else 0.0
