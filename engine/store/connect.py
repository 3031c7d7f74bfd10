"""Connections to Postgres that notice a dead peer and never hang."""

import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from engine import log
from engine.errors import StorageFull, StoreError, StoreUnavailable
from engine.timeouts import CHECK_SECONDS, impatient
from engine.vault import Pool

_log = log.get("connect")

Connection = AsyncConnection
"""What a pool lends: for the signatures of those who only pass it on."""

TROUBLE: tuple[type[Exception], ...] = (StoreError, psycopg.Error, PoolTimeout)
"""Postgres is away, full or refuses: nothing was decided, and whoever catches this tries again later."""

AWAY: tuple[type[Exception], ...] = (StoreUnavailable, psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
"""The part of it that passes by waiting."""

OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq parameters: a silent peer is given up after about 15 s (R10)."""


GUARDS = "-c statement_timeout=15s -c lock_timeout=10s -c idle_in_transaction_session_timeout=5s -c client_connection_check_interval=5s"
"""Server settings of a connection that takes the head's lock: a stopped client must not stop all others."""


_timelines: dict[str, int] = {}
"""The newest history of a database that was met under an address of several hosts: a promotion begins a new one."""


@lru_cache(maxsize=64)
def _hosts(dsn: str) -> tuple[str, ...]:
    """An address for each host of one that names several and means the primary; none for any other. Pure."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    hosts, ports = parts.get("host", "").split(","), parts.get("port", "").split(",")
    if len(hosts) < 2 or parts.get("target_session_attrs") != "read-write":
        return ()
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    return tuple(make_conninfo("", **{**parts, "host": host, "port": port}) for host, port in zip(hosts, ports, strict=True))


class _Chosen(AsyncConnection):
    """One that of several hosts takes none whose history is older than one that was met.

    A primary that was thought dead, and comes back after another was promoted, takes whatever it is told, and nobody would ever see it.
    """

    @classmethod
    async def connect(cls, conninfo: str = "", **given: Any) -> Self:
        refused = psycopg.OperationalError("only a primary answers that another has taken the place of")
        for host in _hosts(conninfo):
            try:
                found = await super().connect(host, **given)
            except psycopg.OperationalError as error:
                refused = error
                continue
            newest = False
            try:
                newest = await _of_today(found, conninfo)
            finally:
                if not newest:
                    found.pgconn.finish()
            if newest:
                return found
        if _hosts(conninfo):
            raise refused
        return await super().connect(conninfo, **given)


class _Own(_Chosen):
    """One that its block closes also when whoever waits is cancelled once more while it ends: the driver's own would stay open."""

    async def __aexit__(self, *raised: Any) -> None:
        try:
            await super().__aexit__(*raised)
        finally:
            if not self.closed:
                self.pgconn.finish()


async def _of_today(connection: AsyncConnection, dsn: str) -> bool:
    try:
        row = await (await connection.execute("SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)")).fetchone()
    except psycopg.Error:
        return False  # it became something else while it was asked
    timeline = int(row[0], 16) if row else 0
    _timelines[dsn] = max(timeline, _timelines.get(dsn, 0))
    if timeline < _timelines[dsn]:
        _log.warning("a primary of before a promotion answers, and is left alone: stop it", history=timeline, newest=_timelines[dsn])
    return timeline == _timelines[dsn]


class _Warm(AsyncConnectionPool[AsyncConnection]):
    """Lends the connection that came back last. The driver's own takes the one that rests longest, so that each of them has to plan every

    statement ten times before it keeps a plan, and each server process finds its caches cold.
    """

    async def _get_ready_connection(self, timeout: float | None) -> AsyncConnection | None:
        self._pool.rotate(1)
        return await super()._get_ready_connection(timeout)


class OneConnection:
    """Lends one connection that is in hand to whoever asks a pool for one."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """The connection; it stays with whoever holds it."""
        yield self._connection


def pool(dsn: str, *, size: int = 4, application: str = "tzurot", patience: float = 10.0) -> Pool:
    """A pool that opens lazily and checks a connection before lending it. Open it with `async with`.

    After `patience` seconds without a server a borrower gets psycopg_pool.PoolTimeout.
    """
    return _Warm(
        dsn,
        min_size=1,
        max_size=size,
        open=False,
        connection_class=_Chosen,  # not one that its block closes: it goes back
        timeout=patience,
        # Its pauses between attempts double without end; given up early, the next borrower starts with short ones.
        reconnect_timeout=min(patience, 3.0),
        check=_check,
        kwargs=OPTIONS | {"application_name": application, "autocommit": True},
    )


async def _check(connection: AsyncConnection) -> None:
    """Ask the server only when the socket has something to say: an idle connection is silent unless its peer is gone.

    Asking every time is a round trip before every query, some thirty in a turn.
    """
    silent = select.poll()
    silent.register(connection.pgconn.socket, select.POLLIN | select.POLLERR | select.POLLHUP)
    if silent.poll(0):
        await impatient(connection, AsyncConnectionPool.check_connection(connection), CHECK_SECONDS)


async def connect(dsn: str, *, application: str = "tzurot", guarded: bool = False, derived: bool = False) -> AsyncConnection:
    """One connection in autocommit, with GUARDS when it is `guarded`. Raises StoreUnavailable.

    `derived`: what it writes can be made again from the log, so that its commits do not wait for the disk.
    """
    settings = " ".join(([GUARDS] if guarded else []) + (["-c synchronous_commit=off"] if derived else []))
    options = OPTIONS | {"options": settings} if settings else OPTIONS
    try:
        return await _Own.connect(dsn, autocommit=True, application_name=application, **options)
    except psycopg.OperationalError as error:
        raise StoreUnavailable("Postgres does not answer. Is it running, and is DATABASE_URL right?") from error


def translate(error: psycopg.Error) -> StoreError:
    """The store's own error for one of psycopg's."""
    if isinstance(error, psycopg.errors.DiskFull):
        return StorageFull("Postgres has no disk space left; free some and it goes on by itself")
    if isinstance(error, psycopg.errors.ConfigurationLimitExceeded):
        return StoreUnavailable("Postgres may write no more temporary files; raise its temp_file_limit and it goes on by itself")
    return StoreUnavailable(f"Postgres failed: {type(error).__name__}")
