"""Brings a database to the schema of the files in migrations/: in order, each in one transaction, never twice, never changed afterwards."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import AsyncConnection, sql

from engine import clock, log
from engine.errors import MigrationError, SettingsError, StorageFull, StoreUnavailable

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_LOCK = 7_390_511_806
_log = log.get("migrate")

_LEDGER = """
CREATE TABLE IF NOT EXISTS migrations (
    number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name, its SQL, and the SHA-256 of its bytes."""

    number: int
    name: str
    text: str
    checksum: str


def available(folder: Path = FOLDER) -> list[Migration]:
    """The migrations of a folder in order. Raises MigrationError when two share a number."""
    found = sorted((path for path in folder.glob("*.sql") if _NAME.match(path.name)), key=lambda path: path.name)
    migrations = [_load(path) for path in found]
    numbers = [migration.number for migration in migrations]
    if len(set(numbers)) != len(numbers):
        raise MigrationError(f"two files in {folder.name}/ share a number: rename one of them")
    return migrations


def _load(path: Path) -> Migration:
    content = path.read_bytes()
    return Migration(int(path.name[:4]), path.stem, content.decode(), hashlib.sha256(content).hexdigest())


async def migrate(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing; returns the names applied now.

    Several processes may call it at once: one does the work, the others wait. Raises MigrationError when an applied file
    was changed or is missing here, or the server lacks pgvector; StoreUnavailable when there is no server.
    """
    async with await _connect(dsn) as connection:
        await require_server(connection, dsn)
        await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        try:
            await connection.execute(_LEDGER)
            return [await _apply(connection, migration) for migration in await _missing(connection, available(folder))]
        finally:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


async def pending(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Names of the migrations that `migrate` would apply, with the errors it would raise. Changes nothing."""
    async with await _connect(dsn) as connection:
        await require_server(connection, dsn)
        row = await (await connection.execute("SELECT to_regclass('migrations')")).fetchone()
        missing = await _missing(connection, available(folder)) if row and row[0] else available(folder)
        return [migration.name for migration in missing]


async def clock_ahead(dsn: str) -> float:
    """Seconds that the server's clock is ahead of this machine's; negative when it is behind. Raises StoreUnavailable."""
    async with await _connect(dsn) as connection:
        began = clock.now()
        row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
        assert row is not None
        return float((row[0] - began - (clock.now() - began) / 2).total_seconds())


async def _connect(dsn: str) -> AsyncConnection:
    try:
        return await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"Postgres does not answer: {_first(error)}. Check DATABASE_URL.") from None
    except (psycopg.ProgrammingError, UnicodeError) as error:  # libpq cannot read the address; what it says would quote it
        raise SettingsError(f"DATABASE_URL cannot be read as an address ({type(error).__name__}).") from None


def _first(error: psycopg.Error) -> str:
    """The first line of what was said, without anything secret and without the addresses that were tried."""
    lines = log.redact(str(error)).splitlines() or [type(error).__name__]
    return lines[0].rstrip(". ")


async def require_server(connection: AsyncConnection, dsn: str) -> None:
    """Make sure that the server is one that Tzurot can work with. Raises MigrationError with what is wrong and what to do."""
    row = await (await connection.execute(_SERVER)).fetchone()
    assert row is not None
    version, number, encoding, standby, vector, pid = row
    if number < 10_000 * OLDEST_MAJOR:
        raise MigrationError(f"DATABASE_URL leads to Postgres {version}; {OLDEST_MAJOR} is needed. Update it, or unset DATABASE_URL.")
    if standby:
        raise MigrationError("DATABASE_URL leads to a standby, which can only be read. Point it to the primary server.")
    if encoding != "UTF8":
        raise MigrationError(f"The database of DATABASE_URL is encoded in {encoding}. Make another with ENCODING 'UTF8'.")
    if not vector:
        raise MigrationError(
            "This Postgres has no pgvector. Install the extension 'vector' on its server, or unset DATABASE_URL to use the embedded one."
        )
    # A pooler makes up the process id that it tells its clients.
    if pid != connection.info.backend_pid and await _changes_servers(connection, dsn):
        raise MigrationError(
            "DATABASE_URL leads to a pooler that gives each transaction another connection (PgBouncer: pool_mode transaction or statement)."
            " Locks and notifications would be lost: point DATABASE_URL to Postgres itself, or set pool_mode to session."
        )


OLDEST_MAJOR = 18
_SERVER = """
SELECT current_setting('server_version'), current_setting('server_version_num')::int, current_setting('server_encoding'),
       pg_is_in_recovery(), EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector'), pg_backend_pid()
"""


async def _changes_servers(connection: AsyncConnection, dsn: str) -> bool:
    """Whether a pooler lends the connection we speak over to others between two statements of ours."""
    own = await _pid(connection)
    try:
        async with await _connect(dsn) as other, other.transaction():
            if await _pid(other) == own:
                return True
            return await _pid(connection) != own
    except psycopg.Error:  # a statement pooler refuses transactions
        return True


async def _pid(connection: AsyncConnection) -> int:
    row = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
    return int(row[0]) if row else 0


async def _missing(connection: AsyncConnection, wanted: list[Migration]) -> list[Migration]:
    rows = await (await connection.execute("SELECT number, name, checksum FROM migrations")).fetchall()
    applied = {number: (name, checksum) for number, name, checksum in rows}
    known = {migration.number: migration for migration in wanted}
    for number, (name, checksum) in applied.items():
        if number not in known:
            raise MigrationError(f"The database was made by a newer program (migration {name} is unknown here). Update the program.")
        if known[number].checksum != checksum:
            raise MigrationError(
                f"Migration {name} was changed after it had been applied. Restore the file and write a new migration instead."
            )
    return [migration for migration in wanted if migration.number not in applied]


async def _apply(connection: AsyncConnection, migration: Migration) -> str:
    try:
        async with connection.transaction():
            await connection.execute(migration.text.encode())
            await connection.execute(
                "INSERT INTO migrations (number, name, checksum) VALUES (%s, %s, %s)",
                (migration.number, migration.name, migration.checksum),
            )
    except psycopg.errors.DiskFull:
        raise StorageFull("There is no room on the disk of the database. Free some, then start again.") from None
    except psycopg.Error as error:
        raise MigrationError(f"Migration {migration.name} failed: {str(error).splitlines()[0]}") from error
    _log.info("migrated", migration=migration.name)
    return migration.name


async def create_database(admin_dsn: str, name: str, template: str | None = None) -> None:
    """Make a database, as a copy of `template` when one is named."""
    async with await AsyncConnection.connect(admin_dsn, autocommit=True) as connection:
        clause = sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(template)) if template else sql.SQL("")
        await connection.execute(sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(name), clause))


async def drop_database(admin_dsn: str, name: str) -> None:
    """Remove a database, cutting whoever is connected."""
    async with await AsyncConnection.connect(admin_dsn, autocommit=True) as connection:
        await connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
