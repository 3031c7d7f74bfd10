"""Servers of Postgres that are a test's own to kill, freeze and search: copies of one that was initialised and migrated once.

Initialising a cluster takes seconds of computing, copying one a tenth of that. Each copy has its own folder, process and port. The
processes of one run share the first of them.
"""

import asyncio
import atexit
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from engine import embedded
from engine.migrate import migrate

RUN = "PYTEST_SHARED_CLUSTER"
"""Environment: the folder in which the processes of one run of the suite find what one of them made for all."""
MADE = "tzurot"
"""The database of each that is migrated."""


@asynccontextmanager
async def migrated(folder: Path, *, durable: bool = True, standby: bool = False) -> AsyncIterator[embedded.Postgres]:
    """A running server under `folder`, migrated and with every read model's tables; stopped at the end. A `standby` can only be read."""
    await asyncio.to_thread(copied, folder)
    if standby:
        signal = folder / "postgres" / "data" / "standby.signal"
        await asyncio.to_thread(shutil.copy2, signal.with_name("PG_VERSION"), signal)
        await asyncio.to_thread(shutil.copystat, signal.with_name("PG_VERSION"), signal)
    async with embedded.postgres(folder, durable=durable) as server:
        yield server


@asynccontextmanager
async def temporary(*, durable: bool = True) -> AsyncIterator[embedded.Postgres]:
    """The same in a folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tzurot-"))
    try:
        async with migrated(folder, durable=durable) as server:
            yield server
    finally:
        shutil.rmtree(folder)


async def database(server: embedded.Postgres, name: str) -> str:
    """The DSN of one more database on a server of these, migrated and with every read model's tables."""
    return await embedded.create_database(server.admin_dsn, name, MADE)


def copied(folder: Path) -> None:
    """Put a migrated cluster into a data folder. `cp -a` keeps owners and modes, and shares the blocks where the file system can."""
    made = _made()
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", made / "postgres", made / "postgres.password", folder], check=True)


@cache
def _made() -> Path:
    if RUN in os.environ:
        folder = Path(os.environ[RUN])
    else:
        folder = Path(tempfile.mkdtemp(prefix="tzurot-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.rmtree(folder / "postgres", ignore_errors=True)  # whoever began it did not get far
            asyncio.run(_make(folder))
            (folder / "made").touch()
    return folder


async def _make(folder: Path) -> None:
    from tests.support import standing  # every read model, which few of those who import this need

    server = embedded.Postgres(folder / "postgres", durable=False)
    await server.start()
    try:
        await migrate(server.dsn)
        await standing.install(server.dsn)
    finally:
        await server.stop()
    for left in ("port", "postgres.log"):  # a copy's are its own
        (folder / "postgres" / left).unlink(missing_ok=True)
