"""The command line and small scripts, run in children of a process that has imported the project once.

    ended = await forks.command("log", "tail", "--json", environment={...})

A child is a process of its own as any other: with its environment, standard streams and exit code, and it may be killed. It only saves
importing everything, which takes longer than what most commands do. That a command starts from nothing is tested in tests/e2e.
"""

import asyncio
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from engine import failpoints

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


def _command(folder: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    from bot.cli.main import main

    _enter(folder, environment)
    sys.argv = ["tzurot", *words]
    main()


def _script(folder: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    _enter(folder, environment)
    sys.argv = ["-c", *words[1:]]
    exec(compile(words[0], "<string>", "exec"), {"__name__": "__main__"})
