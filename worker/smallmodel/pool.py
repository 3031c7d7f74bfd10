"""The model's process: started by the first request, asked one at a time, ended when nobody asked for a while: its memory is free then."""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

import orjson

from engine import log as logs
from engine.errors import TzurotError

IDLE_SECONDS: Final = 300.0
WAITING: Final = 16
"""Requests that may wait for their turn."""
START_SECONDS: Final = 120.0
COMMAND: Final = (sys.executable, "-P", "-m", "worker.smallmodel")
_log = logs.get("smallmodel")


class Crowded(TzurotError):
    """As many requests wait as may."""


class Gone(TzurotError):
    """The model cannot be loaded, or its process ended."""


class Model:
    """One model in one process. `idle` are the seconds without a request after which the process ends; `waiting` counts who has a place."""

    def __init__(self, idle: float = IDLE_SECONDS, command: Sequence[str] = COMMAND) -> None:
        self._idle, self._command = idle, command
        self._turn = asyncio.Lock()
        self.waiting = 0
        self._numbers = itertools.count(1)
        self._process: asyncio.subprocess.Process | None = None
        self._ending: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The process that holds the model, while there is one."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def admit(self) -> None:
        """Take a place among those who wait. Raises Crowded. Whoever has one calls `answer` and then `leave`."""
        if self.waiting >= WAITING:
            raise Crowded("The small model has as many requests as it can take. Try again in a moment.")
        self.waiting += 1

    def leave(self) -> None:
        """Give the place back."""
        self.waiting -= 1

    async def answer(self, asked: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """What the process says to a request: {"text": ...} pieces, then {"done": ...}. Raises Gone. Closed early, it stops the model."""
        async with self._turn:
            process, number, over = await self._started(), next(self._numbers), False
            try:
                self._write(process, {**asked, "id": number})
                while not over:
                    told = await self._line(process)
                    if told.get("id") == number:
                        over = "done" in told
                        yield told
            finally:
                if not over:
                    self._write(process, {"stop": number})
                self._ending = asyncio.get_running_loop().call_later(self._idle, self._end)

    async def close(self) -> None:
        """End the process."""
        self._rest()
        if (process := self._process) is not None:
            self._end()
            await process.wait()

    async def _started(self) -> asyncio.subprocess.Process:
        self._rest()
        if self._process is not None and self.pid is not None:
            return self._process
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe)
        try:
            async with asyncio.timeout(START_SECONDS):
                told = await self._line(self._process)
        except BaseException:  # also when nobody waits any more: no process stays behind
            self._end()
            raise
        if "failed" in told:
            self._end()
            raise Gone(str(told["failed"]))
        _log.info("smallmodel.started", pid=self._process.pid)
        return self._process

    @staticmethod
    async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
        line = await process.stdout.readline() if process.stdout else b""
        if not line:
            raise Gone(f"The small model's process ended with exit code {await process.wait()}.")
        told: dict[str, Any] = orjson.loads(line)
        return told

    @staticmethod
    def _write(process: asyncio.subprocess.Process, line: dict[str, Any]) -> None:
        if process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(orjson.dumps(line) + b"\n")

    def _rest(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _end(self) -> None:
        """Whoever asks from now on gets another one."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            _log.info("smallmodel.ended", pid=process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
