"""Brings a database to the schema of the files in migrations/: in order, each in one transaction, never twice, never changed afterwards."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import AsyncConnection, sql

from engine import log
from engine.errors import MigrationError, StoreUnavailable

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
        await _require_vector(connection)
        await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        try:
            await connection.execute(_LEDGER)
            return [await _apply(connection, migration) for migration in await _missing(connection, available(folder))]
        finally:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


async def pending(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Names of the migrations that `migrate` would apply, with the errors it would raise. Changes nothing."""
    async with await _connect(dsn) as connection:
        await _require_vector(connection)
        row = await (await connection.execute("SELECT to_regclass('migrations')")).fetchone()
        missing = await _missing(connection, available(folder)) if row and row[0] else available(folder)
        return [migration.name for migration in missing]


async def _connect(dsn: str) -> AsyncConnection:
    try:
        return await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"Postgres does not answer: {log.redact(str(error)).splitlines()[0]}. Check DATABASE_URL.") from None


async def _require_vector(connection: AsyncConnection) -> None:
    row = await (await connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")).fetchone()
    if row is None:
        raise MigrationError(
            "This Postgres has no pgvector. Install the extension 'vector' on its server, or unset DATABASE_URL to use the embedded one."
        )


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
