"""A server process: in a session of its own, so that Ctrl-C reaches it only through us, and bound to our life."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.clock import monotonic
from engine.embedded import shim
from engine.embedded.account import Account

POLL_S = 0.01


class Child:
    """A running program. Not bound to an event loop: a test may start it in one and end it in another."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    @property
    def alive(self) -> bool:
        return self.exit_code is None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has taken it away."""
        self._process.kill()
        self._process.wait()

    async def wait(self) -> int:
        """Its exit code, once it has ended. Costs nothing meanwhile where the kernel has pidfd."""
        if self.alive and hasattr(os, "pidfd_open"):
            await readable(os.pidfd_open(self.pid))
        while self.alive:
            await asyncio.sleep(POLL_S)
        return self._process.wait()

    async def ended(self, within: float) -> bool:
        """Whether it ends within so many seconds."""
        deadline = monotonic() + within
        while self.alive and monotonic() < deadline:
            await asyncio.sleep(POLL_S)
        return not self.alive

    async def stop(self, *steps: tuple[signal.Signals, float]) -> int:
        """Send each signal in turn and give it its seconds; SIGKILL after the last. Returns the exit code."""
        for number, seconds in steps:
            if not self.alive:
                break
            self.send(number)
            await self.ended(seconds)
        if self.alive:
            self.kill()
        return self._process.wait()


async def readable(fd: int) -> None:
    """Wait until a descriptor can be read, and close it."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    on_parent_death: signal.Signals,
    environment: Mapping[str, str],
    account: Account | None = None,
    cwd: Path | None = None,
) -> Child:
    """Start a program whose output goes to `log`, as `account`, in `cwd` (entered before root is dropped)."""
    words = [os.getpid(), int(on_parent_death), account.uid if account else "-", account.gid if account else "-", cwd or "-", *command]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", shim.__file__, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            # Some interpreters, ours for the shim among them, find their own library only by this.
            env={**environment, **{name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}},
            start_new_session=True,
        )
    return Child(process)
