"""Notices who borrows a second connection of a pool while holding one of it.

As many of those as a pool has connections wait for one another until the borrowing times out: ten seconds in which nobody is answered.
What a test itself borrows so is let be: it is alone.
"""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, MappingProxyType

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / room}/" for room in ("engine", "projections", "bot", "worker", "tests"))
TESTS = f"{ROOT / 'tests'}/"


@dataclass(slots=True)
class Loan:
    """A connection in somebody's hands. `by` is the line that borrowed it."""

    by: str
    out: bool = True


second: list[str] = []
"""Second loans that were seen, in words."""
_held: ContextVar[Mapping[int, Loan]] = ContextVar("held", default=MappingProxyType({}))
_lend = AsyncConnectionPool.connection


@asynccontextmanager
async def _noticed(pool: AsyncConnectionPool[AsyncConnection], timeout: float | None = None) -> AsyncIterator[AsyncConnection]:
    loan, held = Loan(_borrower()), _held.get().get(id(pool))
    if held is not None and held.out and not any(one.by.startswith(TESTS) for one in (loan, held)):
        second.append(f"{loan.by} borrows a connection of a pool while {held.by} holds one of it")
    async with _lend(pool, timeout) as connection:
        token = _held.set({**_held.get(), id(pool): loan})
        try:
            yield connection
        finally:
            loan.out = False
            with suppress(ValueError):  # a generator may be closed in another context
                _held.reset(token)


def _borrower() -> str:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(OURS) and file not in (__file__, _CONNECT):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return "somebody"


_CONNECT = str(ROOT / "engine/store/connect.py")


def watch() -> None:
    """From now on every pool of this process is watched."""
    AsyncConnectionPool.connection = _noticed  # type: ignore[method-assign,assignment]
