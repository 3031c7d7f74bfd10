"""How far read models have followed the log."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engine import clock
from engine.vault import Pool

PAUSE, LONGEST_PAUSE = 0.002, 0.05
"""Seconds between two looks: at first, and at most."""
HINTED_PAUSE = 0.02
"""The first of them where hints come: one that is lost costs so much."""
_waiting: set[tuple[int, "asyncio.Future[None]"]] = set()
_sources: list[object] = []


def moved(position: int) -> None:
    """Let those look again who wait for this position: read models are said to have reached it."""
    loop = asyncio.get_running_loop()
    for wanted, hint in list(_waiting):
        if wanted <= position and not hint.done() and hint.get_loop() is loop:
            hint.set_result(None)


@contextmanager
def hinted() -> Iterator[None]:
    """For the block: `moved` is called as read models move, so that nobody needs to look often."""
    source = object()
    _sources.append(source)
    try:
        yield
    finally:
        _sources.remove(source)


async def wait_for(pool: Pool, names: Sequence[str], position: int, *, seconds: float = 10.0) -> bool:
    """Wait until these serving projections have digested `position`; False when they have not in time."""
    deadline, pause = clock.monotonic() + seconds, HINTED_PAUSE if _sources else PAUSE
    statement = "SELECT count(*) FROM projections WHERE role = 'live' AND name = ANY(%s) AND position >= %s"
    while True:
        with _hint(position) as hint:
            async with pool.connection() as connection:
                row = await (await connection.execute(statement, (list(names), position))).fetchone()
            if row and row[0] == len(names):
                return True
            if clock.monotonic() >= deadline:
                return False
            await asyncio.wait((hint,), timeout=pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


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
