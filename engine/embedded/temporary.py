"""Servers in a folder of their own that is removed afterwards: for tests, smoke and bench runs."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from engine.embedded.broker import Nats, nats
from engine.embedded.database import Postgres, postgres


@asynccontextmanager
async def temporary_postgres(*, durable: bool = True) -> AsyncIterator[Postgres]:
    """A new, empty Postgres. `durable=False` starts and commits faster and would not survive a power cut."""
    with _folder() as folder:
        async with postgres(folder, durable=durable) as server:
            yield server


@asynccontextmanager
async def temporary_nats() -> AsyncIterator[Nats]:
    """A new, empty NATS with JetStream."""
    with _folder() as folder:
        async with nats(folder) as server:
            yield server


@contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tzurot-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)
