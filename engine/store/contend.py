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

TRIES = 20
"""Each that fails means that somebody else wrote: five of twenty at once were seen to pass one that waited for its turn."""
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

    One process decides about a stream one after another. Between processes, whoever was too slow once queues up in Postgres, so that
    the second try is nearly always the last. Raises Conflict after TRIES, and whatever else `attempt` raises.
    """
    queue = _queues.setdefault((id(log), stream), asyncio.Lock())
    async with queue, AsyncExitStack() as stack:
        for number in range(TRIES):
            if number == 1:
                connection = await stack.enter_async_context(await connect.connect(log.dsn, application="tzurot decide"))
                await connection.execute("SELECT pg_advisory_lock(hashtextextended('stream ' || %s, 0))", (stream,))
            try:
                return await attempt()
            except Conflict:
                if number == TRIES - 1:
                    raise
    raise AssertionError("unreachable")


def tied(events: Sequence[NewEvent], versions: dict[str, int]) -> list[NewEvent]:
    """The events, each of a stream whose version is known tied to the version before it."""
    heads, found = dict(versions), []
    for event in events:
        if event.stream in heads:
            event = replace(event, expect=heads[event.stream])
            heads[event.stream] += 1
        found.append(event)
    return found
