"""Three NATS servers and two Postgres, one of which follows the other: what several machines run, in one folder and on loopback.

    cluster = Cluster(folder)
    await cluster.start()
    cluster.dsn, cluster.read_dsn, cluster.nats_url

Each server is a node with a folder of its own, and can be killed, stopped and started alone. Which Postgres is the primary stands in the
file `primary`; a node that starts and finds another there makes itself a copy of that one and follows it (ADR 75).
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

from engine import clock, log
from engine.clock import monotonic
from engine.embedded.account import installation
from engine.embedded.broker import USER as NATS_USER
from engine.embedded.broker import Nats
from engine.embedded.database import USER, Postgres
from engine.embedded.folder import EmbeddedError, kept_port, kept_secret, writable, written
from engine.outside import addresses

DATABASES = ("db1", "db2")
BROKERS = ("nats1", "nats2", "nats3")
FOLLOWING_S = 60.0
"""How long a copy may take from its start until it follows."""
WATCH_S, ALONE_S = 0.5, 3.0
"""How often the primary is asked whether anything follows it, and for how long nothing may until it goes on alone."""
ALONE = "alone"
"""File that says since when a primary acknowledges what no copy has."""
_log = log.get("cluster")
_KEPT_WAL = "2GB"
"""Of the write-ahead log at most for a copy that is away; one that misses more is made anew."""


class BrokerNode(Nats):
    """One NATS server of a cluster."""

    configuration = Path(__file__).with_name("nats.cluster.conf")

    def __init__(self, cluster: "Cluster", name: str) -> None:
        super().__init__(cluster.folder / name / "nats")
        self.name = name
        self._cluster = cluster

    @property
    def route(self) -> int:
        """The port at which the others of the cluster reach it."""
        writable(self.folder.parent)
        return _port(writable(self.folder) / "route.port")

    async def start(self) -> None:
        """Start, and wait until it greets clients. What is kept by several servers can be used when two of three are there."""
        password = self._cluster.secret(self.folder.parent / "nats.password")
        routes = [f'"nats-route://{NATS_USER}:{password}@127.0.0.1:{port}"' for port in self._cluster.routes.values()]
        self.more = {
            "NATS_NAME": self.name,
            "NATS_CLUSTER": f'"127.0.0.1:{self._cluster.routes[self.name]}"',
            "NATS_ROUTES": f"[{', '.join(routes)}]",
        }
        await super().start()


class DatabaseNode(Postgres):
    """One Postgres of a cluster: the primary, or what follows it."""

    def __init__(self, cluster: "Cluster", name: str, *, durable: bool) -> None:
        super().__init__(cluster.folder / name / "postgres", durable=durable)
        self.name = name
        self._cluster = cluster

    @property
    def follows(self) -> bool:
        """Whether another is the primary."""
        return self._cluster.primary != self.name

    async def start(self) -> None:
        """Start as what the file `primary` makes of it; a copy follows the primary when this returns."""
        self._prepare()
        self.more = {"max_slot_wal_keep_size": _KEPT_WAL, "wal_log_hints": "on", **self._cluster.settings}
        follows = self.follows
        if follows:
            if not (self.data / "standby.signal").exists():  # it was the primary once, or is new
                shutil.rmtree(self.data, ignore_errors=True)
            self.more = {**self.more, **self._following()}
        await super().start()
        if follows:
            await self._cluster.followed(self.name)
        else:
            await self._cluster.leads(self.name)

    def _following(self) -> Mapping[str, str]:
        primary = self._cluster.databases[self._cluster.primary]
        pgpass = self.folder / "following.password"
        written(pgpass, f"*:*:*:{USER}:{self.password}\n")
        _give(pgpass, self.folder)
        # A password in the server's own command line could be read by everybody here.
        source = f"host=127.0.0.1 port={primary.stands_at} user={USER} application_name={self.name} passfile=../following.password"
        return {
            "primary_conninfo": source,
            "primary_slot_name": self.name,
            "hot_standby_feedback": "on",
            "wal_retrieve_retry_interval": "500ms",
        }

    def _prepare(self) -> None:
        self._cluster.secret(self.folder.parent / "postgres.password")
        super()._prepare()

    @property
    def stands_at(self) -> int:
        """The port it has, or had when it ran last."""
        if not self.folder.exists():
            self._prepare()
        return self.port or _port(self.folder / "port")

    async def _initialise(self) -> None:
        if not self.follows:
            await super()._initialise()
            return
        primary = self._cluster.databases[self._cluster.primary]
        await self._cluster.slot(self.name)
        new = self.folder / "new"
        shutil.rmtree(new, ignore_errors=True)
        await asyncio.to_thread(base_backup, primary, new, "standby.signal", f"--slot={self.name}")
        new.rename(self.data)


class Cluster:
    """The servers of one folder. `settings` go to each Postgres."""

    def __init__(self, folder: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.settings: Mapping[str, str] = settings or {}
        self.databases = {name: DatabaseNode(self, name, durable=durable) for name in DATABASES}
        self.brokers = {name: BrokerNode(self, name) for name in BROKERS}

    @property
    def nodes(self) -> dict[str, DatabaseNode | BrokerNode]:
        return {**self.databases, **self.brokers}

    @property
    def primary(self) -> str:
        """The Postgres that takes what is stored."""
        file = self.folder / "primary"
        name = file.read_text().strip() if file.exists() else DATABASES[0]
        if name not in self.databases:
            raise EmbeddedError(f"{file} must hold one of {', '.join(self.databases)}.")
        return name

    @property
    def replica(self) -> str:
        """The other one."""
        return next(name for name in self.databases if name != self.primary)

    @property
    def routes(self) -> dict[str, int]:
        return {name: member.route for name, member in self.brokers.items()}

    @property
    def dsn(self) -> str:
        """The address for every part: of whichever is the primary when it connects."""
        return self._address("read-write")

    @property
    def read_dsn(self) -> str:
        """The address of what follows."""
        return self._address("standby")

    @property
    def nats_url(self) -> str:
        return ",".join(member.url for member in self.brokers.values())

    def _address(self, session: str) -> str:
        any_ = next(iter(self.databases.values()))
        ports = [str(each.stands_at) for each in self.databases.values()]
        parts = {"user": USER, "password": any_.password, "dbname": "tzurot", "host": ",".join(["127.0.0.1"] * len(ports))}
        return addresses.database_url(parts | {"port": ",".join(ports), "target_session_attrs": session})

    def secret(self, file: Path) -> str:
        """The password that all nodes of a kind have, put into the node's own file as well."""
        writable(self.folder)
        found = kept_secret(self.folder / file.name)
        if not file.exists():
            writable(file.parent)
            written(file, found)
        return found

    async def start(self) -> None:
        """Start all that stands still: brokers beside each other, the primary before what follows it."""
        writable(self.folder)
        still = [member for member in self.brokers.values() if not member.alive]
        await asyncio.gather(*(member.start() for member in still), self._start_databases())

    async def _start_databases(self) -> None:
        for name in (self.primary, self.replica):
            if not self.databases[name].alive:
                await self.databases[name].start()

    async def stop(self) -> None:
        """Stop all, the primary before what follows it, so that nothing is left behind."""
        for name in (self.primary, self.replica):
            await self.databases[name].stop()
        await asyncio.gather(*(member.stop() for member in self.brokers.values()))

    async def promote(self, *, anyway: bool = False) -> str:
        """Make what follows the primary; returns its name. `anyway`: also when it may miss what was acknowledged.

        Raises EmbeddedError, and then nothing has changed.
        """
        old, new = self.primary, self.replica
        async with await connection_to(self.databases[new]) as connection:
            if (await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone()) != (True,):
                raise EmbeddedError(f"{new} is no copy that can be promoted. `tzurot cluster status` shows what each node is.")
            if await _answers(self.databases[old]):
                raise EmbeddedError(
                    f"{old} still takes what is stored, and two primaries part for good. `tzurot cluster kill {old}` first."
                )
            if (mark := self.folder / ALONE).exists() and not anyway:
                raise EmbeddedError(
                    f"{new} misses what was stored while {mark.read_text().strip()} went on alone. Start {old} again with"
                    f" `tzurot cluster start {old}`, or lose that with `tzurot cluster promote --anyway`."
                )
            # Before the promotion: whoever starts the old one from now on makes a copy of the new one of it.
            written(self.folder / "primary", new)
            (self.folder / ALONE).unlink(missing_ok=True)
            await _waits_for(connection, "")
            await connection.execute("SELECT pg_promote(true, 60)")
        return new

    async def slot(self, name: str) -> None:
        """Have the primary keep what a copy of this name has not got yet."""
        async with await self._primary_connection() as connection:
            await connection.execute(
                "SELECT pg_create_physical_replication_slot(%s, true) WHERE NOT EXISTS"
                " (SELECT FROM pg_replication_slots WHERE slot_name = %s)",
                (name, name),
            )

    async def leads(self, name: str) -> None:
        """Let a primary go on alone that has no copy yet: whoever waits for one that was never made would wait for ever."""
        async with await self._primary_connection() as connection:
            made = await (await connection.execute("SELECT count(*) FROM pg_replication_slots")).fetchone()
            if made == (0,):
                await _waits_for(connection, "")

    async def followed(self, name: str) -> None:
        """Wait until a copy follows, and from then on acknowledge nothing that it does not have. Raises EmbeddedError."""
        async with await self._primary_connection() as connection:
            deadline = monotonic() + FOLLOWING_S
            question = "SELECT count(*) FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'"
            while (await (await connection.execute(question, (name,))).fetchone()) != (1,):
                if monotonic() > deadline:
                    raise EmbeddedError(f"{name} does not follow {self.primary}. Its log is {self.databases[name].log}.")
                await asyncio.sleep(0.05)
            await _waits_for(connection, f'ANY 1 ("{name}")')
        (self.folder / ALONE).unlink(missing_ok=True)

    async def watch(self) -> None:
        """For ever, let the primary go on alone once nothing follows it for ALONE_S, and not alone once something does again."""
        since = monotonic()
        while True:
            await asyncio.sleep(WATCH_S)
            with suppress(EmbeddedError, psycopg.Error):
                waits, follows = await self._waiting()
                if waits and not follows:
                    if monotonic() - since >= ALONE_S:
                        await self.alone()
                    continue
                if follows and not waits:
                    await self.followed(self.replica)
            since = monotonic()

    async def alone(self) -> None:
        """Let the primary acknowledge what no copy has: its copy is lost, and people wait."""
        async with await self._primary_connection() as connection:
            # First the mark: from now on the copy may miss what was acknowledged, and `promote` says so.
            written(self.folder / ALONE, f"{self.primary} since {clock.now():%Y-%m-%d %H:%M:%S} UTC\n")
            await _waits_for(connection, "")
            _log.warning("the primary goes on alone", primary=self.primary)

    async def _waiting(self) -> tuple[bool, bool]:
        """Whether the primary waits for a copy, and whether there is one that follows it."""
        async with await self._primary_connection() as connection:
            found = await connection.execute(
                "SELECT current_setting('synchronous_standby_names') <> '',"
                " EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming' AND application_name = %s)",
                (self.replica,),
            )
            waits, follows = await found.fetchone() or (False, False)
            return bool(waits), bool(follows)

    async def standing(self, name: str) -> str:
        """What a Postgres says of itself, in words. Raises EmbeddedError when it does not answer."""
        async with await connection_to(self.databases[name]) as connection:
            if (await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone()) == (True,):
                lag = "pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
                found = await (await connection.execute(f"SELECT status, {lag} FROM pg_stat_wal_receiver".encode())).fetchone()
                return f"follows {self.primary}, {int(found[1] or 0):,} bytes behind" if found else "follows nobody: its primary is away"
        waits, followers = await self._waiting()
        if name != self.primary:
            return "takes what is stored, and is not the primary: kill it"
        if waits:
            return "primary; nothing is acknowledged that its copy has not got" if followers else "primary; waits for its copy"
        return "primary; goes on alone" if (self.folder / ALONE).exists() else "primary; has no copy yet"

    async def _primary_connection(self) -> psycopg.AsyncConnection:
        return await connection_to(self.databases[self.primary])


async def connection_to(node: DatabaseNode) -> psycopg.AsyncConnection:
    """A connection to this very node, whatever it is. Raises EmbeddedError."""
    password = kept_secret(node.folder.parent / "postgres.password", needed=True)
    parts = {"user": USER, "password": password, "host": "127.0.0.1", "port": str(node.stands_at), "dbname": "postgres"}
    try:
        return await psycopg.AsyncConnection.connect(addresses.database_url(parts), autocommit=True, connect_timeout=30)
    except psycopg.OperationalError:
        raise EmbeddedError(f"{node.name} does not answer. `tzurot cluster status` shows what runs.") from None


async def _answers(node: DatabaseNode) -> bool:
    try:
        async with await connection_to(node):
            return True
    except EmbeddedError:
        return False


async def _waits_for(connection: psycopg.AsyncConnection, names: str) -> None:
    await connection.execute(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(sql.Literal(names)))
    await connection.execute("SELECT pg_reload_conf()")


def _port(file: Path) -> int:
    """The port in the file, whoever has it now: the node itself may run already, started by another process."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return kept_port(file)


def base_backup(server: Postgres, folder: Path, signal: str = "recovery.signal", *words: str) -> None:
    """Copy a running server's files into a folder, from which it is recovered to whatever its settings say then. Raises EmbeddedError."""
    port = server.stands_at if isinstance(server, DatabaseNode) else server.port
    password = kept_secret(server.folder.parent / "postgres.password", needed=True)
    more = (*words, *([] if server.durable else ["--no-sync"]))
    source = f"host=127.0.0.1 port={port} user={USER}"
    _run("pg_basebackup", "-D", str(folder), "-d", source, "--wal-method=stream", "--checkpoint=fast", *more, password=password)
    for left in (folder / "postgresql.auto.conf", folder / signal):
        left.write_bytes(b"")  # what the server waits for is none of its copy's business
    _give(folder, server.folder)


def _give(path: Path, like: Path) -> None:
    """Give a file, or a folder and all in it, to the owner of another one."""
    owner = like.stat()
    if os.geteuid() == 0:
        for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
            os.chown(each, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _run(program: str, *words: str, password: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGPASSWORD": password, "HOME": "/nonexistent"}
    environment |= {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    done = subprocess.run([installation() / "bin" / program, *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise EmbeddedError(f"{program} failed: {said[-1]}")
