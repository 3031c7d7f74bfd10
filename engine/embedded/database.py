"""One Postgres 18 under `<folder>/postgres`, with a password of its own, on a Unix socket and a loopback port."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from engine.clock import monotonic
from engine.embedded.account import Account, account_for, installation_for, reachable
from engine.embedded.child import POLL_S, Child, spawn
from engine.embedded.clones import ensure_database, with_database
from engine.embedded.folder import Busy, EmbeddedError, claim, kept_port, kept_secret, read_secret, writable
from engine.outside import addresses

MAJOR = "18"
USER = "tzurot"
DATABASE = "tzurot"
ORPHAN_PATIENCE_S = 10.0
LOG_KEPT_BYTES = 8 * 1024 * 1024
_SOCKET_PATH_LIMIT = 100  # the kernel's is 108 with the terminating zero; the file name counts too

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    # A segment that is used again keeps what it held until it is overwritten: an erased person's key among it.
    "wal_recycle": "off",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failed statement or its row may quote what a person wrote: the server's log names the error only.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "1h", "io_method": "sync"}


class Postgres:
    """The server of one folder. `durable=False` gives up safety at power cuts for speed: for tests only."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.resolve()
        self.durable = durable
        self.more: Mapping[str, str] = {}
        """Settings of the server besides ours."""
        self.port = 0
        self.password = ""
        self._child: Child | None = None
        self._account: Account | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self._running.pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @property
    def dsn(self) -> str:
        """Connection URL of the database `tzurot`: over the Unix socket, or over TCP when the socket's path is too long."""
        # A comma would be read as one between two hosts.
        if len(os.fsencode(self.data)) + len(f"/.s.PGSQL.{self.port}") > _SOCKET_PATH_LIMIT or "," in str(self.data):
            return self.tcp_dsn
        return self._address(str(self.data))

    @property
    def tcp_dsn(self) -> str:
        """The same database over loopback TCP, for clients that a proxy stands in front of."""
        return self._address("127.0.0.1")

    def _address(self, host: str) -> str:
        parts = {"user": USER, "password": self.password, "host": host, "port": str(self.port), "dbname": DATABASE}
        return addresses.database_url(parts)

    @property
    def admin_dsn(self) -> str:
        """The maintenance database, from which others are created and dropped."""
        return with_database(self.dsn, "postgres")

    @property
    def _running(self) -> Child:
        if self._child is None:
            raise EmbeddedError("The embedded Postgres has not been started.")
        return self._child

    async def start(self) -> None:
        """Start and wait until it accepts connections, however long a crash recovery takes.

        Raises EmbeddedError with the server's own reason when it ends instead.
        """
        self._prepare()
        await self._end_orphans()
        if not (self.data / "PG_VERSION").exists():
            await self._initialise()
        self._check_version()
        self._remove_stale_locks()
        self.port = kept_port(self.folder / "port")
        _rotate(self.log)
        offset = self.log.stat().st_size if self.log.exists() else 0
        self._child = self._spawn("postgres", *self._options(), cwd=self.data)
        await self._ready(offset)
        await ensure_database(self.admin_dsn, DATABASE)

    async def stop(self, *, fast: bool = False) -> None:
        """Shut down cleanly within 20 seconds; `fast` gives up the clean shutdown, recovery then runs at the next start."""
        if self._child is not None:
            polite = () if fast else ((signal.SIGINT, 20.0),)
            await self._child.stop(*polite, (signal.SIGQUIT, 5.0))
            await self._end_orphans()

    def kill(self) -> None:
        """SIGKILL the postmaster, as a crash would."""
        self._running.kill()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def wait(self) -> int:
        """The exit code, once the server has ended."""
        return await self._running.wait()

    def _prepare(self) -> None:
        writable(self.folder.parent)
        self.password = kept_secret(self.folder.parent / "postgres.password", needed=(self.data / "PG_VERSION").exists())
        fresh = not self.folder.exists()
        writable(self.folder)
        self._account = account_for(self.folder)
        if self._account and fresh:
            os.chown(self.folder, self._account.uid, self._account.gid)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != MAJOR:
            raise EmbeddedError(f"{self.data} was made by Postgres {found}, but {MAJOR} is here. Restore a backup into a new data folder.")

    def _remove_stale_locks(self) -> None:
        # After a crash of the machine or a container the ids in these files may belong to anybody by now, and Postgres would
        # refuse to start. That nobody runs here is known better: the folder is claimed and holds no Postgres process.
        if Path("/proc/self").exists():
            for file in (self.data / "postmaster.pid", *self.data.glob(".s.PGSQL.*")):
                file.unlink(missing_ok=True)

    async def _initialise(self) -> None:
        """initdb beside the final place, so that an interrupted one is never taken for a database."""
        new = self.folder / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        with self._password_file() as password_file:
            if self._account:
                os.chown(new, self._account.uid, self._account.gid)
            words = [f"--username={USER}", f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
            # The password is 192 random bits: many rounds of hashing protect nothing and cost each connection.
            words += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--set=scram_iterations=1"]
            child = self._spawn("initdb", *words, *([] if self.durable else ["--no-sync"]), cwd=new)
            try:
                code = await child.wait()
            finally:
                child.kill()
            if code != 0:
                raise EmbeddedError(f"The database could not be created: {_reason(self.log, 0)} The log is {self.log}.")
        new.rename(self.data)

    @contextmanager
    def _password_file(self) -> Iterator[str]:
        file = self.folder / "pwfile"
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(self.password)
        if self._account:
            os.chown(file, self._account.uid, self._account.gid)
        try:
            yield "../pwfile"
        finally:
            file.unlink()

    def _options(self) -> list[str]:
        settings = {**SETTINGS, **(_DURABLE if self.durable else _FORGETFUL), **self.more, "port": str(self.port)}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _spawn(self, program: str, *words: str, cwd: Path) -> Child:
        account = self._account
        # The kernel's own link to the working folder needs no permission on the folders above it, such as a private home.
        data = cwd if account is None or reachable(cwd, account) else Path("/proc/self/cwd")
        command = [str(installation_for(account) / "bin" / program), "-D", str(data), *words]
        return spawn(command, log=self.log, on_parent_death=signal.SIGINT, environment=_ENVIRONMENT, account=account, cwd=cwd)

    async def _ready(self, log_offset: int) -> None:
        child = self._running
        while not _accepts(self.data / "postmaster.pid", child.pid):
            if not child.alive:
                raise EmbeddedError(f"Postgres could not start: {_reason(self.log, log_offset)} The log is {self.log}.")
            await asyncio.sleep(POLL_S)

    async def _end_orphans(self) -> None:
        """Wait for processes that outlived their postmaster or their supervisor, and end those that stay."""
        steps = ((None, ORPHAN_PATIENCE_S), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
        for number, seconds in steps:
            deadline = monotonic() + seconds
            while (left := _processes_in(self.data)) and monotonic() < deadline:
                if number:
                    _signal_all(left, number)
                await asyncio.sleep(POLL_S * 5)
            if not left:
                return
        raise EmbeddedError(f"Old Postgres processes ({', '.join(map(str, left))}) still use {self.data} and cannot be ended.")


def _accepts(pid_file: Path, pid: int) -> bool:
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _reason(log: Path, offset: int) -> str:
    with log.open("rb") as file:
        file.seek(offset)
        lines = file.read()[-20_000:].decode(errors="replace").splitlines()
    telling = [line for line in lines if "FATAL" in line or "error:" in line] or lines
    return telling[-1].split("FATAL:")[-1].strip() + ("." if telling[-1][-1:].isalnum() else "") if telling else "it said nothing."


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _processes_in(data: Path) -> list[int]:
    """Ids of the Postgres processes whose working folder is `data`. Empty without /proc."""
    wanted = str(data.resolve())
    found = Path("/proc").glob("[0-9]*")
    return [int(entry.name) for entry in found if _link(entry / "cwd") == wanted and Path(_link(entry / "exe")).name.startswith("postgres")]


def _link(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:
        return ""


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


@asynccontextmanager
async def postgres(folder: Path, *, durable: bool = True) -> AsyncIterator[Postgres]:
    """The database under `<folder>/postgres`, started (and created at the first time), stopped at the end.

    Raises Busy when another process runs it, EmbeddedError when it cannot run.
    """
    server = Postgres(writable(folder) / "postgres", durable=durable)
    with claim(folder / "postgres.lock"):
        try:
            await server.start()
            yield server
        finally:
            await server.stop(fast=not durable)


@asynccontextmanager
async def attached(folder: Path) -> AsyncIterator[str]:
    """DSN of the folder's database: of the one that runs there now (`tzurot run`), else of one started for the block."""
    async with AsyncExitStack() as stack:
        try:
            dsn = (await stack.enter_async_context(postgres(folder))).dsn
        except Busy:
            dsn = running_dsn(folder)
        yield dsn


def running_dsn(folder: Path) -> str:
    """DSN of the database that another process runs in this folder. Raises EmbeddedError when none has ever run there."""
    server = Postgres(folder / "postgres")
    try:
        server.password = read_secret(server.folder.parent / "postgres.password")
        server.port = int((server.folder / "port").read_text())
    except (OSError, ValueError):
        raise EmbeddedError(f"No database runs in {folder}. Start Tzurot first: tzurot run") from None
    return server.dsn
