"""R11: the disk under Postgres is full: appends are refused as storage_full, no part of a call is stored, it goes on when there is room."""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine import embedded
from engine.errors import StorageFull, TzurotError
from engine.migrate import migrate
from engine.store import Log
from tests.chaos.store import lab

DISK_MB = 256
REFUSED_SECONDS = 60.0


async def run(trials: int = 10) -> dict[str, object]:
    """Calls of three events fill what a ballast file leaves; then the ballast goes. Needs the right to mount (root)."""
    refused = recovered = restarts = 0
    acked: dict[int, int] = {}
    slowest = 0.0
    with _disk() as folder:
        async with embedded.postgres(folder / "data") as server:
            await migrate(server.dsn)
            async with lab.opened(server.dsn) as log:
                for trial in range(trials):
                    ballast = folder / "ballast"
                    await asyncio.to_thread(_fill, ballast)
                    refused += await _until_refused(log, trial, acked)
                    ballast.unlink()
                    if not server.alive:
                        restarts += 1
                        await server.wait()
                        await server.start()
                    began = time.monotonic()
                    acked[900_000 + trial] = (await log.append(lab.message(900_000 + trial))).positions[0]
                    slowest = max(slowest, time.monotonic() - began)
                    recovered += 1
            found = await lab.faults(server.dsn, acked)
    passed = not any(found.values()) and refused == recovered == trials
    figures = {"refused": refused, "recovered": recovered, "server_restarts": restarts, "recovery_max_s": round(slowest, 3)}
    return {"trials": trials, **figures, **found, "passed": passed}


@contextmanager
def _disk() -> Iterator[Path]:
    """A small disk of its own, entered by everybody so that the database's account can."""
    with tempfile.TemporaryDirectory(prefix="tzurot-disk-") as name:
        try:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0755", "tmpfs", name], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise TzurotError("R11 needs the right to mount a small disk: run it as root.") from None
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=False)


def _fill(ballast: Path) -> None:
    """Take all space but some hundred kilobytes."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 20)):
            pass
    with ballast.open("r+b") as file:
        file.truncate(max(0, ballast.stat().st_size - (1 << 19)))


async def _until_refused(log: Log, trial: int, acked: dict[int, int]) -> bool:
    """Append until it is refused. False when that takes too long."""
    deadline = time.monotonic() + REFUSED_SECONDS
    number = 1_000_000 * (trial + 1)
    while time.monotonic() < deadline:
        events = [lab.message(number + n, channel=2 + n, text="x" * 20_000) for n in range(3)]
        try:
            async with asyncio.timeout(20):
                found = await log.append(*events)
        except StorageFull:
            return True
        except TimeoutError:
            return False
        acked |= {number + n: position for n, position in enumerate(found.positions)}
        number += 3
    return False
