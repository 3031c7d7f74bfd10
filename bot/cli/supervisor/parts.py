"""The parts of a running Tzurot: embedded servers, and children that are Python modules of ours."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.cli.supervisor.restarts import describe
from engine import embedded, process
from engine.embedded.child import Child
from engine.errors import TzurotError

LOG_KEPT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ready:
    """A part does its work. `address` is where a person reaches it, if one can."""

    detail: str
    address: str | None = None


class Ended(TzurotError):
    """A part ended before it was ready."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class Part(Protocol):
    """Something that is started, waited for and stopped; started again after it ended."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int: ...
    async def start(self) -> Ready: ...
    async def wait(self) -> tuple[int, str]: ...
    async def stop(self) -> None: ...
    def kill(self) -> None: ...


class Server:
    """An embedded Postgres or NATS as a part."""

    def __init__(self, name: str, server: embedded.Postgres | embedded.Nats, detail: str) -> None:
        self.name = name
        self.server = server
        self._detail = detail

    @property
    def pid(self) -> int:
        return self.server.pid

    async def start(self) -> Ready:
        await self.server.start()
        return Ready(f"{self._detail}, port {self.server.port}")

    async def wait(self) -> tuple[int, str]:
        """The exit code and a sentence about it."""
        code = await self.server.wait()
        if isinstance(self.server, embedded.Nats) and self.server.stuck:
            return process.FAILED, "found no room on its disk and stored nothing since; there is room again."
        return code or process.FAILED, describe(code)

    async def stop(self) -> None:
        await self.server.stop()

    def kill(self) -> None:
        if self.server.alive:
            self.server.kill()


class Module:
    """A child `python -m <module>`, which tells over a pipe when it is ready and why it cannot run.

    It holds the reading end of a second pipe that closes when this process dies, so it never outlives it.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path | None) -> None:
        self.name = name
        self.environment = dict(environment)
        self._command = list(command)
        self._log = log
        self._child: Child | None = None
        self._life: int | None = None
        self._lines: asyncio.StreamReader | None = None
        self._pipe: asyncio.BaseTransport | None = None

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    async def start(self) -> Ready:
        """Spawn it and wait until it says that it is ready. Raises Ended when it ends instead."""
        self._close()
        ready_read, ready_write = os.pipe()
        life_read, self._life = os.pipe()
        try:
            self._child = self._spawn(ready_write, life_read)
        finally:
            os.close(ready_write)
            os.close(life_read)
        self._lines, self._pipe = await _reader(ready_read)
        while line := await self._lines.readline():
            told = json.loads(line)
            if "ready" in told:
                return Ready(told["ready"], told.get("address"))
            if "fatal" in told:
                raise Ended(told["fatal"], await self._child.wait())
        code = await self._child.wait()
        raise Ended(f"{self.name} {describe(code)} before it was ready{self._where()}.", code)

    async def wait(self) -> tuple[int, str]:
        """The exit code, and the sentence it left or one about the code."""
        if self._child is None or self._lines is None:
            raise RuntimeError("not started")
        code = await self._child.wait()
        told = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                told = await self._lines.read()
        sentences = [json.loads(line).get("fatal") for line in told.splitlines()]
        return code, next((s for s in sentences if s), f"{describe(code)}{self._where()}")

    async def stop(self) -> None:
        """SIGTERM, then after the time every process gets to drain, SIGKILL."""
        if self._child is not None:
            await self._child.stop((signal.SIGTERM, process.GRACE_S + process.LAST_RESORT_S))
        self._close()

    def kill(self) -> None:
        if self._child is not None and self._child.alive:
            self._child.kill()

    def end(self) -> None:
        """Ask it to end, without waiting."""
        if self._child is not None and self._child.alive:
            self._child.send(signal.SIGTERM)

    def trim_log(self) -> None:
        """Move a log that has grown large aside. The child appends, so it goes on writing at the new start."""
        if self._log and self._log.exists() and self._log.stat().st_size > LOG_KEPT_BYTES:
            with contextlib.suppress(OSError):  # on a full disk the old lines make room for new ones
                self._log.with_suffix(".log.1").write_bytes(self._log.read_bytes())
            os.truncate(self._log, 0)

    def _spawn(self, ready_write: int, life_read: int) -> Child:
        environment = {**self.environment, process.READY_FD: str(ready_write), process.LIFE_FD: str(life_read)}
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(self._log.open("ab")) if self._log else None
            return Child(
                subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=out or sys.stderr,
                    stderr=out or sys.stderr,
                    env=environment,
                    pass_fds=(ready_write, life_read),
                    start_new_session=True,
                )
            )

    def _where(self) -> str:
        return f"; its log is {self._log}" if self._log else ""

    def _close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._life is not None:
            os.close(self._life)
            self._life = None


async def _reader(fd: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", 0))
    return reader, transport
