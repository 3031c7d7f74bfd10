"""The command line and small scripts, run in children of a process that has imported the project once.

    ended = await forks.command("log", "tail", "--json", environment={...})
    part = forks.ForkedModule("worker", module("worker"), environment, log)

A child is a process of its own as any other: with its environment, standard streams and exit code, and it may be killed. It only saves
importing everything, which takes longer than what most commands do. That a command or a part starts from nothing is tested in tests/e2e.
"""

import asyncio
import ctypes
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from bot.cli.supervisor.parts import Module
from engine import failpoints, process
from engine.embedded.child import Child, readable
from engine.embedded.shim import PR_SET_PDEATHSIG

LONGEST_S = 120.0
ROOT = Path(__file__).resolve().parents[2]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.forks_preload"])


@dataclass(frozen=True, slots=True)
class Done:
    """How a child ended: its exit code (minus the signal that killed it) and what it wrote."""

    code: int
    out: str
    errors: str


async def command(*words: str, environment: Mapping[str, str], text: str = "") -> Done:
    """Run `tzurot WORDS` with this whole environment and this text on standard input. TimeoutError after two minutes."""
    return await _run(_command, words, environment, text)


async def script(code: str, *arguments: str, environment: Mapping[str, str]) -> Done:
    """Run `python -c CODE ARGUMENTS` with this whole environment."""
    return await _run(_script, (code, *arguments), environment, "")


async def _run(target: Callable[..., None], words: Sequence[str], environment: Mapping[str, str], text: str) -> Done:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_text(text)
        process = _CONTEXT.Process(target=target, args=(name, tuple(words), dict(environment)), daemon=True)
        try:
            await asyncio.to_thread(process.start)
            code = await asyncio.to_thread(_wait, process)
        finally:
            if process.is_alive():
                process.kill()
        return Done(code, (folder / "out").read_text(), (folder / "errors").read_text())


async def warm() -> None:
    """Have the parent of the children import everything now: the first start would wait for it, and block the loop meanwhile."""
    first = _CONTEXT.Process(target=os.getpid, daemon=True)
    await asyncio.to_thread(first.start)
    await asyncio.to_thread(first.join)


class ForkedChild(Child):
    """A forked process as the program that it stands for."""

    def __init__(self, forked: BaseProcess) -> None:
        assert forked.pid is not None
        self.pid = forked.pid
        self._forked = forked

    @property
    def exit_code(self) -> int | None:
        return self._forked.exitcode

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._forked.kill()
        self._forked.join()

    async def wait(self) -> int:
        """Its exit code, once it has ended. What tells its end is a pipe: its parent is not this process."""
        if self.alive:
            await readable(os.dup(self._forked.sentinel))
        self._forked.join()
        return self._forked.exitcode or 0

    async def stop(self, *steps: tuple[signal.Signals, float]) -> int:
        for number, seconds in steps:
            self.send(number)
            await self.ended(seconds)
        if self.alive:
            self.kill()
        return self._forked.exitcode or 0


class ForkedModule(Module):
    """A part whose command ends in `-m MODULE`, forked instead of started from nothing."""

    def _spawn(self, ready_write: int, life_read: int) -> Child:
        log = str(self._log) if self._log else os.devnull
        pipes = _Descriptor(ready_write), _Descriptor(life_read)
        forked = _CONTEXT.Process(target=_part, args=(self._command[-1], self.environment, log, *pipes), daemon=True)
        forked.start()
        return ForkedChild(forked)


class _Descriptor:
    """An open file that goes along to the child, where it has another number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Callable[..., "_Descriptor"], tuple[Any]]:
        return _arrived, (DupFd(self.number),)


def _arrived(sent: Any) -> _Descriptor:
    return _Descriptor(sent.detach())


def _wait(process: BaseProcess) -> int:
    process.join(LONGEST_S)
    if process.exitcode is None:
        raise TimeoutError(f"a child goes on after {LONGEST_S:g} s")
    return process.exitcode


def _enter(folder: str, environment: Mapping[str, str]) -> None:
    """What execve would have given: streams, environment, working directory."""
    for number, name in enumerate(("in", "out", "errors")):
        file = os.open(Path(folder) / name, os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY)
        os.dup2(file, number)
        os.close(file)
    _as_new(environment, ROOT)


def _as_new(environment: Mapping[str, str], folder: Path) -> None:
    sys.stdin = os.fdopen(0, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    failpoints._active = failpoints._load()  # the environment was read before


def _part(name: str, environment: Mapping[str, str], log: str, ready: _Descriptor, life: _Descriptor) -> None:
    """What the supervisor's Popen and shim would have given, then `python -m NAME`."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))  # its parent ends with the tests
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, out, out)):
        os.dup2(file, number)
    _as_new({**environment, process.READY_FD: str(ready.number), process.LIFE_FD: str(life.number)}, Path(log).parent)
    sys.argv = [name]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _command(folder: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    from bot.cli.main import main

    _enter(folder, environment)
    sys.argv = ["tzurot", *words]
    main()


def _script(folder: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    _enter(folder, environment)
    sys.argv = ["-c", *words[1:]]
    exec(compile(words[0], "<string>", "exec"), {"__name__": "__main__"})
