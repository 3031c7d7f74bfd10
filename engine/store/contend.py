"""Read, decide, append, when many want to decide about the same stream at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from weakref import WeakValueDictionary

from engine.errors import Conflict
from engine.events.base import Event
from engine.store import connect
from engine.store.log import Log
from engine.store.rows import Appended, NewEvent, Recorded

TRIES = 5
Decide = Callable[[Sequence[Recorded[Event]]], Sequence[NewEvent] | Awaitable[Sequence[NewEvent]]]
_queues: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()


async def update(log: Log, stream: str, decide: Decide) -> Appended:
    """Append what `decide` makes of the stream as it is; decided again when somebody was faster. Nothing decided: nothing appended.

    One process decides about a stream one after another. Between processes, whoever was too slow once queues up in Postgres, so that
    the second try is nearly always the last. Raises Conflict after TRIES, and whatever `decide` raises.
    """
    queue = _queues.setdefault((id(log), stream), asyncio.Lock())
    async with queue, AsyncExitStack() as stack:
        for attempt in range(TRIES):
            if attempt == 1:
                connection = await stack.enter_async_context(await connect.connect(log.dsn, application="tzurot decide"))
                await connection.execute("SELECT pg_advisory_lock(hashtextextended('stream ' || %s, 0))", (stream,))
            seen = await log.stream(stream)
            made = decide(seen)
            events = await made if isinstance(made, Awaitable) else made
            try:
                return await log.append(*_expecting(events, stream, seen[-1].row.version if seen else 0))
            except Conflict:
                if attempt == TRIES - 1:
                    raise
    raise AssertionError("unreachable")


def _expecting(events: Sequence[NewEvent], stream: str, version: int) -> list[NewEvent]:
    """The events, each of this stream tied to the version before it."""
    tied = []
    for event in events:
        if event.stream == stream:
            event = replace(event, expect=version)
            version += 1
        tied.append(event)
    return tied
