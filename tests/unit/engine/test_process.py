"""What every process shares: it says when it is ready, ends when told, ends with its supervisor, and explains itself."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from engine.errors import MigrationError, SettingsError, StoreUnavailable, TzurotError
from engine.process import FAILED, LIFE_FD, NEEDS_A_PERSON, READY_FD, UNEXPECTED, cause, exit_code
from tests.support import forks

DEADLINE_S = 30.0
_HEAD = "import asyncio, os, sys, time\nfrom engine import process\nfrom engine.errors import *\n"


@dataclass
class Child:
    """A process whose pipes the test holds."""

    process: BaseProcess
    errors: Path
    told: Any
    life: int

    def tell(self) -> dict[str, Any]:
        """The next line that it tells its supervisor."""
        return dict(json.loads(self.told.readline()))

    def end(self) -> tuple[int, str]:
        """Exit code, and what it said on standard error."""
        self.process.join(DEADLINE_S)
        assert self.process.exitcode is not None, "it goes on"
        return self.process.exitcode, self.errors.read_text()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Starts `async def main(stop)` from its body as a supervised process."""
    children: list[Child] = []

    def run(body: str, grace: float = 15.0) -> Child:
        code = f"{_HEAD}async def main(stop):\n    {body}\nprocess.run(main, service='stub', grace={grace})"
        ready_read, ready_write = os.pipe()
        life_read, life_write = os.pipe()
        errors = tmp_path / f"errors-{len(children)}"
        process = forks.supervised(code, dict(os.environ), errors, ready_write, life_read)
        os.close(ready_write)
        os.close(life_read)
        children.append(Child(process, errors, os.fdopen(ready_read), life_write))
        return children[-1]

    yield run
    for child in children:
        child.process.kill()
        child.process.join()
        child.told.close()
        if child.life >= 0:
            os.close(child.life)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_ends_when_told(start: Any, number: signal.Signals) -> None:
    """With its detail and its address; its end is a success."""
    child = start("process.ready('16 at a time', address='http://x'); await stop.wait()")
    assert child.tell() == {"ready": "16 at a time", "address": "http://x"}
    child.send(number)
    assert child.end() == (0, "")


def test_it_ends_with_its_supervisor(start: Any) -> None:
    """Nobody sends a signal: the pipe that only the supervisor holds open is closed, as by its death."""
    child = start("process.ready(); await stop.wait(); print('drained', file=sys.stderr)")
    child.tell()
    os.close(child.life)
    child.life = -1
    assert child.end() == (0, "drained\n")


def test_a_part_that_does_not_end_is_cancelled_after_its_grace(start: Any) -> None:
    """And says so."""
    child = start("process.ready(); await asyncio.sleep(3600)", grace=0.2)
    child.tell()
    child.send(signal.SIGTERM)
    code, said = child.end()
    assert code == FAILED
    assert "stub did not stop within 0.2 seconds." in said


def test_a_second_signal_does_not_wait_for_the_grace(start: Any) -> None:
    """Ctrl-C twice is meant."""
    child = start("process.ready(); await stop.wait(); process.ready('stopping'); await asyncio.sleep(3600)", grace=3600)
    child.tell()
    child.send(signal.SIGINT)
    child.tell()
    child.send(signal.SIGINT)
    assert child.end()[0] == FAILED


def test_a_blocked_process_ends_all_the_same(start: Any) -> None:
    """A loop that is stuck cannot cancel anything; five seconds after the grace the process is gone."""
    child = start("process.ready(); await stop.wait(); process.ready('stuck'); time.sleep(3600)", grace=0.1)
    child.tell()
    child.send(signal.SIGTERM)
    child.tell()
    assert child.end()[0] == FAILED


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ("SettingsError('Set THAT.')", NEEDS_A_PERSON),
        ("StoreUnavailable('Postgres does not answer.')", FAILED),
        ("ExceptionGroup('tasks', [ValueError('x'), SettingsError('Set THAT.')])", NEEDS_A_PERSON),
    ],
)
def test_an_error_is_a_sentence_to_the_person_and_to_the_supervisor(start: Any, raised: str, code: int) -> None:
    """Out of a task group too; the exit code says whether trying again may help."""
    child = start(f"raise {raised}")
    told = child.tell()["fatal"]
    assert told in {"Set THAT.", "Postgres does not answer."}
    assert child.end() == (code, f"Error: {told}\n")


def test_a_bug_is_told_by_type_and_place_only(start: Any) -> None:
    """What its message quotes stays out of the log."""
    child = start("raise KeyError('canary-3391')")
    assert child.tell() == {"fatal": "stub met an unexpected KeyError; its log names the place."}
    code, said = child.end()
    assert code == UNEXPECTED
    assert "KeyError" in said
    assert "canary-3391" not in said


def test_settings_that_cannot_be_used_are_the_first_thing_said(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is built."""
    monkeypatch.setenv("WORKER_CONCURRENCY", "many")
    child = start("process.ready()")
    assert "WORKER_CONCURRENCY" in child.tell()["fatal"]
    assert child.end()[0] == NEEDS_A_PERSON


def test_without_a_supervisor_readiness_is_told_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a person runs a process by hand, or the number is of no open pipe."""
    code = f"{_HEAD}process.ready('x')"
    each = f"{_HEAD}for value in ('', 'no number', '999999'):\n    os.environ['{READY_FD}'] = os.environ['{LIFE_FD}'] = value\n    "
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=DEADLINE_S).returncode == 0
    assert subprocess.run([sys.executable, "-c", f"{each}process.ready('x')"], check=False, timeout=DEADLINE_S).returncode == 0


def test_beats_go_on_after_one_that_failed(start: Any) -> None:
    """A database that is away for a moment does not end the process."""
    body = """n = []
    async def write():
        n.append(1)
        if len(n) == 1: raise OSError('away')
        if len(n) == 3: process.ready(str(len(n))); stop.set()
    task = asyncio.create_task(process.beat(write, every=0.01)); await stop.wait(); task.cancel()"""
    child = start(body)
    assert child.tell()["ready"] == "3"
    assert child.end()[0] == 0


def test_exit_codes_tell_what_a_person_must_correct() -> None:
    """An error may carry its own."""
    special = TzurotError("x")
    special.exit_code = 69  # type: ignore[attr-defined]
    assert [exit_code(each) for each in (SettingsError(""), MigrationError(""), StoreUnavailable(""), special)] == [78, 78, 1, 69]


def test_a_group_is_about_our_own_error_if_it_has_one() -> None:
    """However deep."""
    ours = StoreUnavailable("away")
    assert cause(ExceptionGroup("a", [ValueError(), ExceptionGroup("b", [KeyError(), ours])])) is ours
    other = ValueError()
    assert cause(ExceptionGroup("a", [other, KeyError()])) is other
    assert cause(other) is other
