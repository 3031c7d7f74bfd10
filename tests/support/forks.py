"""The command line, small scripts and whole parts, run in children of a process that has imported the project once.

    ended = await forks.command("log", "tail", "--json", environment={...})
    worker = forks.Forked("worker", "worker", environment, log)     # as the supervisor's Module

A child is a process of its own as any other: with its environment, standard streams and exit code, and it may be killed. It only saves
importing everything, which takes longer than what most commands do. That a command or a part starts from nothing is tested in tests/e2e.
"""

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Protocol

from bot.cli.supervisor.parts import Module
from engine import failpoints, process
from engine.embedded.child import Child
from engine.embedded.shim import PR_SET_PDEATHSIG
from tests.support import forks_shared

LONGEST_S = 120.0
ROOT = Path(__file__).resolve().parents[2]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.forks_preload"])
_warm = False


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


async def warm() -> None:
    """Wait until the process that children come from has imported everything: before that a start would hold up the loop."""
    global _warm
    if not _warm:
        await _run(_nothing, (), os.environ, "")
        _warm = True


def supervised(code: str, environment: Mapping[str, str], errors: Path, ready: int, life: int) -> BaseProcess:
    """Start `python -c CODE` with this whole environment below a supervisor that holds the other ends of its two pipes."""
    given = (code, dict(environment), str(errors), str(ROOT), DupFd(ready), DupFd(life))
    child = _CONTEXT.Process(target=_coded, args=given, daemon=True)
    _start(child)
    return child


class Forked(Module):
    """A part `python -m TARGET` as the supervisor starts it, but for its imports. Works in `folder`; dies with this process."""

    def __init__(self, name: str, target: str, environment: Mapping[str, str], log: Path, folder: Path) -> None:
        super().__init__(name, [], environment, log)
        self._target = target
        self._own_log = log
        self._folder = folder

    def _spawn(self, ready_write: int, life_read: int) -> Child:
        return part([self._target], self.environment, self._own_log, self._folder, (ready_write, life_read))


def part(words: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path, pipes: tuple[int, int]) -> Child:
    """Begin `python -m WORDS` as a part that tells over the first of the pipes when it is ready, and ends with the second."""
    given = (tuple(words), dict(environment), str(log), str(folder), *map(DupFd, pipes))
    child = _CONTEXT.Process(target=_part, args=given, daemon=True)
    _start(child)
    return _ForkedChild(child)


def program(called: str, *words: str, environment: Mapping[str, str], folder: Path, out: int | None = None) -> BaseProcess:
    """Begin `MODULE:FUNCTION` with these words as arguments of its command line, in this folder, its output there if anywhere.

    It may have children like itself. Whoever begins it sees to its end.
    """
    begun = _CONTEXT.Process(target=_program, args=(called, words, dict(environment), str(folder), None if out is None else DupFd(out)))
    _start(begun)
    return begun


class _ForkedChild(Child):
    """The child of the process that forks, as one of ours."""

    def __init__(self, process: BaseProcess) -> None:
        self._forked = process
        self.pid = process.pid or 0

    @property
    def exit_code(self) -> int | None:
        return self._forked.exitcode

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self._forked.join()

    async def wait(self) -> int:
        while self.alive:
            await asyncio.sleep(0.01)
        return self.exit_code or 0

    async def stop(self, *steps: tuple[signal.Signals, float]) -> int:
        for number, seconds in steps:
            self.send(number)
            await self.ended(seconds)
        self.kill()
        return self.exit_code or 0


async def _run(target: Callable[..., None], words: Sequence[str], environment: Mapping[str, str], text: str) -> Done:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_text(text)
        process = _CONTEXT.Process(target=target, args=(name, tuple(words), dict(environment)), daemon=True)
        try:
            await asyncio.to_thread(_start, process)
            code = await asyncio.to_thread(_wait, process)
        finally:
            if process.is_alive():
                process.kill()
        return Done(code, (folder / "out").read_text(), (folder / "errors").read_text())


def _start(process: BaseProcess) -> None:
    forks_shared.join()
    process.start()


def _wait(process: BaseProcess) -> int:
    process.join(LONGEST_S)
    if process.exitcode is None:
        raise TimeoutError(f"a child goes on after {LONGEST_S:g} s")
    return process.exitcode


class _Passed(Protocol):
    """A descriptor on its way to a child."""

    def detach(self) -> int: ...


def _nothing(folder: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Write the files that `_run` reads."""
    _enter(folder, environment)


def _part(words: Sequence[str], environment: Mapping[str, str], log: str, folder: str, ready: _Passed, life: _Passed) -> None:
    """What the supervisor's spawn, the shim and `python -P -m TARGET` do."""
    _below_supervisor(environment, log, folder, ready, life)
    sys.argv = list(words)
    sys.modules.pop(f"{words[0]}.__main__", None)
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


def _coded(code: str, environment: Mapping[str, str], log: str, folder: str, ready: _Passed, life: _Passed) -> None:
    _below_supervisor(environment, log, folder, ready, life)
    sys.argv = ["-c"]
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})


def _below_supervisor(environment: Mapping[str, str], log: str, folder: str, ready: _Passed, life: _Passed) -> None:
    os.setsid()
    told = {process.READY_FD: str(ready.detach()), process.LIFE_FD: str(life.detach())}
    _let_go()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    nothing, out = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for number, file in enumerate((nothing, out, out)):
        os.dup2(file, number)
    os.close(nothing)
    os.close(out)
    _as_new({**environment, **told}, Path(folder))


def _let_go() -> int:
    """Close what keeps the process that forks alive: while a child held it, that one would outlive ours, and the child it."""
    held: int = forkserver._forkserver._forkserver_alive_fd  # type: ignore[attr-defined]  # no public name
    os.close(held)
    return held


def _program(called: str, words: Sequence[str], environment: Mapping[str, str], folder: str, out: _Passed | None) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, _let_go())  # it is handed to its own children, who come from the same process
    forkserver._forkserver.ensure_running = lambda: None  # type: ignore[method-assign]  # it runs; asking would begin another
    given = nothing if out is None else out.detach()
    for number, file in enumerate((nothing, given, nothing)):
        os.dup2(file, number)
    for file in {nothing, given}:
        os.close(file)
    _as_new(environment, Path(folder))
    module, _, function = called.partition(":")
    sys.argv = [module, *words]
    getattr(import_module(module), function)()


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


def _command(folder: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    from bot.cli.main import main

    _enter(folder, environment)
    sys.argv = ["tzurot", *words]
    main()


def _script(folder: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    _enter(folder, environment)
    sys.argv = ["-c", *words[1:]]
    exec(compile(words[0], "<string>", "exec"), {"__name__": "__main__"})
