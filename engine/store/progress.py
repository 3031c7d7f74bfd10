"""How far read models have followed the log."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from engine import clock
from engine.store.connect import Connection
from engine.store.together import together
from engine.vault import Pool

PAUSE, LONGEST_PAUSE = 0.002, 0.05
"""Seconds between two looks: at first, and at most."""
HINTED_PAUSE = 0.02
"""The first of them where hints come: one that is lost costs so much."""
LOOKED_S = 1.0
"""How often whoever waits for a long way looks how far it is."""
SLOW = 10
_waiting: set[tuple[int, "asyncio.Future[None]"]] = set()
_sources: list[object] = []
_latest = 0
"""The position of the last hint; 0 before the first."""


def moved(position: int) -> None:
    """Let those look again who wait for this position: read models are said to have reached it."""
    global _latest
    loop, _latest = asyncio.get_running_loop(), position
    for wanted, hint in list(_waiting):
        if wanted <= position and not hint.done() and hint.get_loop() is loop:
            hint.set_result(None)


@contextmanager
def hinted() -> Iterator[None]:
    """For the block: `moved` is called as read models move, so that nobody needs to look often."""
    global _latest
    source = object()
    _sources.append(source)
    try:
        yield
    finally:
        _sources.remove(source)
        _latest = _latest if _sources else 0


async def wait_for(pool: Pool, names: Sequence[str], position: int, *, seconds: float = 10.0) -> bool:
    """Wait until these serving projections have digested `position`; False when they have not in time."""

    async def look() -> bool | None:
        async with pool.connection() as connection:
            return await _reached(connection, names, position) or None

    return await _until(look, position, seconds) or False


async def wait_while_moving(
    pool: Pool, names: Sequence[str], position: int, *, seconds: float, tell: Callable[[int, int], None] = lambda done, total: None
) -> bool:
    """Wait until these serving projections have digested `position`, however long it takes while any of them moves.

    False when none has for so many seconds and one is stopped, or for SLOW times as many though all are at work: on a machine that is
    busy with something else one batch takes minutes. `tell` hears (done, total) from time to time.
    """
    before, since = -1, clock.monotonic()
    while not await wait_for(pool, names, position, seconds=min(seconds, LOOKED_S)):
        async with pool.connection() as connection:
            done, stopped = await _digested(connection, names, position)
        tell(done, position * len(names))
        if done > before:
            before, since = done, clock.monotonic()
        elif clock.monotonic() - since >= seconds * (1 if stopped else SLOW):
            return False
    return True


async def _digested(connection: Connection, names: Sequence[str], position: int) -> tuple[int, bool]:
    """The sum of how far they are, and whether one that is behind is not at work."""
    statement = (
        "SELECT coalesce(sum(least(position, %(to)s)), 0)::bigint, coalesce(bool_or(status <> 'running' AND position < %(to)s), false),"
        " count(*) FROM projections WHERE role = 'live' AND name = ANY(%(names)s)"
    )
    row = await (await connection.execute(statement, {"to": position, "names": list(names)})).fetchone()
    return (int(row[0]), bool(row[1]) or row[2] < len(names)) if row is not None else (0, True)


async def ask_from[T](
    pool: Pool, names: Sequence[str], position: int, ask: Callable[[Connection], Awaitable[T]], *, seconds: float = 10.0
) -> tuple[T] | None:
    """What is answered once these serving projections have digested `position`; None when they have not in time.

    It is asked together with how far they are, which saves a round trip.
    """

    async def look() -> tuple[T] | None:
        async with pool.connection() as connection:
            reached, answer = await together(connection, _reached(connection, names, position), ask(connection))
        return (answer,) if reached else None

    return await _until(look, position, seconds)


async def _until[T](look: Callable[[], Awaitable[T | None]], position: int, seconds: float) -> T | None:
    """Look whenever read models are said to have moved to a position, and now and then, until there is something."""
    deadline, pause = clock.monotonic() + seconds, HINTED_PAUSE if _sources else PAUSE
    if _sources and 0 < _latest < position:  # it is too early for a look, most likely
        with _hint(position) as hint:
            await asyncio.wait((hint,), timeout=min(pause, seconds))
    while True:
        with _hint(position) as hint:
            if (found := await look()) is not None:
                return found
            if clock.monotonic() >= deadline:
                return None
            await asyncio.wait((hint,), timeout=pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


async def _reached(connection: Connection, names: Sequence[str], position: int) -> bool:
    statement = "SELECT count(*) FROM projections WHERE role = 'live' AND name = ANY(%s) AND position >= %s"
    row = await (await connection.execute(statement, (list(names), position))).fetchone()
    return row is not None and row[0] == len(names)


@contextmanager
def _hint(position: int) -> "Iterator[asyncio.Future[None]]":
    """Done when this position is said to be reached. Made before one looks: what is reached after the look is not missed."""
    hint = asyncio.get_running_loop().create_future()
    waiter = (position, hint)
    _waiting.add(waiter)
    try:
        yield hint
    finally:
        _waiting.discard(waiter)
        hint.cancel()
