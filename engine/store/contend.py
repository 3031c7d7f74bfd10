"""Read, decide, append, when many want to decide about the same stream at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from weakref import WeakValueDictionary

import psycopg

from engine.errors import Conflict
from engine.events.base import Event
from engine.store import connect
from engine.store.log import Log
from engine.store.rows import Appended, NewEvent, Recorded

TRIES = 20
"""Each that fails means that somebody else wrote. Who stands in line was passed by two at most in 60 races of 16; this is many more."""
PATIENCE_SECONDS = 10.0
"""How long anyone stands in line: longer than all who stand there need. A process that was stopped at its head must not stop the others."""
KEY = "hashtextextended('stream ' || %s, 0)"
Decide = Callable[[Sequence[Recorded[Event]]], Sequence[NewEvent] | Awaitable[Sequence[NewEvent]]]
_queues: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()


async def update(log: Log, stream: str, decide: Decide) -> Appended:
    """Append what `decide` makes of the stream as it is; decided again when somebody was faster. Nothing decided: nothing appended.

    Raises Conflict after TRIES, and whatever `decide` raises.
    """

    async def attempt() -> Appended:
        seen = await log.stream(stream)
        made = decide(seen)
        events = await made if isinstance(made, Awaitable) else made
        return await log.append(*tied(events, {stream: seen[-1].row.version if seen else 0}))

    return await in_turn(log, stream, attempt)


async def in_turn[T](log: Log, stream: str, attempt: Callable[[], Awaitable[T]]) -> T:
    """Do what may meet a Conflict until it meets none.

    One process decides about a stream one after another. Between processes, whoever was too slow once queues up in Postgres, and who
    comes while somebody stands there queues up behind: only those who had begun before can still be faster. Raises Conflict after
    TRIES, and whatever else `attempt` raises.
    """
    queue = _queues.setdefault((id(log), stream), asyncio.Lock())
    async with queue, AsyncExitStack() as stack:
        in_line = await _waited_for(log, stream)
        if in_line:
            await stack.enter_async_context(_line(log, stream))
        for number in range(TRIES):
            try:
                return await attempt()
            except Conflict:
                if number == TRIES - 1:
                    raise
            if not in_line:
                await stack.enter_async_context(_line(log, stream))
                in_line = True
    raise AssertionError("unreachable")


@asynccontextmanager
async def _line(log: Log, stream: str) -> AsyncIterator[None]:
    """Stand in line for the stream until the block ends, on a connection of its own: the log's few must stay free for the attempt.

    Whose patience ends goes on without: the line is for fairness only, what holds is the version an append expects.
    """
    async with await connect.connect(log.dsn, application="tzurot decide") as connection:
        await connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{PATIENCE_SECONDS * 1000:.0f}ms",))
        with suppress(psycopg.errors.LockNotAvailable):
            await connection.execute(f"SELECT pg_advisory_lock({KEY})", (stream,))
        yield


async def _waited_for(log: Log, stream: str) -> bool:
    """Whether somebody stands in line for the stream. Asked with a shared lock, which is gone again with the statement."""
    async with log.pool.connection() as connection:
        cursor = await connection.execute(f"SELECT NOT pg_try_advisory_xact_lock_shared({KEY})", (stream,))
        row = await cursor.fetchone()
    return row is not None and bool(row[0])


def tied(events: Sequence[NewEvent], versions: dict[str, int]) -> list[NewEvent]:
    """The events, each of a stream whose version is known tied to the version before it."""
    heads, found = dict(versions), []
    for event in events:
        if event.stream in heads:
            event = replace(event, expect=heads[event.stream])
            heads[event.stream] += 1
        found.append(event)
    return found
