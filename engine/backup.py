"""Backups of the database, and their way back. The master key is not in them: without it a stolen backup holds no readable text.

A backup is Postgres' own dump (custom format) and a small JSON beside it that says what it is. Keys of erased people are destroyed
before, so a later backup cannot open what they wrote. A restore builds a new database, checks it, and only then takes the place of
the old one, which stays under another name.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
from psycopg import AsyncConnection
from psycopg import sql as composed
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine import clock, embedded, erasure, tombstones
from engine.embedded.account import installation
from engine.embedded.folder import written
from engine.errors import StoreError
from engine.migrate import migrate
from engine.store import open_log
from engine.vault import MasterKey

_TRANSIENT = ("heartbeats", "leases", "drafts")
Note = Callable[[str], None]


class BackupError(StoreError):
    """A backup cannot be made or used; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands beside a backup. `position` is the last event in it; `sha256` that of the dump."""

    made_at: str
    position: int
    events: int
    postgres: str
    migrations: int
    master_key_id: str
    sha256: str
    bytes: int


def manifest_of(file: Path) -> Path:
    """Where the manifest of a backup lies. Raises BackupError where no file is named."""
    if not file.name:
        raise BackupError("A backup needs the name of its file.")
    return file.with_name(file.name + ".json")


async def backup(dsn: str, file: Path, master: MasterKey, note: Note = lambda _: None) -> Manifest:
    """Write a backup. The serving database goes on meanwhile. Raises BackupError."""
    if file.exists():  # noqa: ASYNC240 - a look at a local folder
        raise BackupError(f"{file} exists. Choose another name; backups are never overwritten.")
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    made_at = clock.now()  # before the dump: what is erased meanwhile may be in it
    try:
        before = await _facts(dsn)
        note(f"dumping {before[0]:,} events")
        await _run(
            dsn, "pg_dump", "--format=custom", "--no-owner", *(f"--exclude-table-data=public.{t}" for t in _TRANSIENT), out=descriptor
        )
        os.fsync(descriptor)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    try:
        digest, position = await asyncio.to_thread(_sha256, part), await _dumped_position(part)
        manifest = Manifest(made_at.isoformat(), position, position, before[1], before[2], master.id, digest, part.stat().st_size)
        described = orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        written(manifest_of(file), described.decode())
        part.rename(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return manifest


async def inspect(file: Path) -> Manifest:
    """Check that a backup is whole. Raises BackupError."""
    try:
        manifest = Manifest(**orjson.loads(manifest_of(file).read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise BackupError(
            f"{manifest_of(file)} cannot be read ({type(error).__name__}). It belongs to the backup; copy both files."
        ) from None
    try:
        digest = await asyncio.to_thread(_sha256, file)
    except OSError as error:
        raise BackupError(f"{file} cannot be read ({error.strerror}).") from None
    if digest != manifest.sha256:
        raise BackupError(f"{file} is damaged: its checksum is not the one in its manifest. Use another backup.")
    return manifest


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. `kept` is the name of the database that was there before, None when it was empty.

    `erased_again`: people who were erased after the backup was made, and now in it as well.
    """

    position: int
    kept: str | None
    master_key_id: str
    erased_again: tuple[int, ...] = ()


async def restore(
    dsn: str, file: Path, master: MasterKey, note: Note = lambda _: None, *, replace: bool = False, folder: Path | None = None
) -> Restored:
    """Put a backup in the place of the database `dsn` names. Nobody may be connected to it.

    Erasures that the data `folder` notes and that came after the backup are carried out in it before it takes its place.

    With events in it already, `replace` must be said; it is then renamed, not dropped. Raises BackupError.
    """
    manifest = await inspect(file)
    if manifest.master_key_id != master.id:
        raise BackupError(
            f"The backup's keys are wrapped by master key {manifest.master_key_id}, and the one here is {master.id}."
            " Put that key's file in place (or set MASTER_KEY) first: nobody can read the texts without it."
        )
    name = str(conninfo_to_dict(dsn)["dbname"])
    admin, stamp = embedded.with_database(dsn, "postgres"), f"{clock.now():%Y%m%d%H%M%S}"
    there = await _events(dsn)
    if there and not replace:
        raise BackupError(f"The database holds {there:,} events. Say --replace to put the backup in its place; the present one is kept.")
    fresh = f"{name}_restoring_{stamp}"
    new = await embedded.create_database(admin, fresh)
    try:
        note("restoring")
        await _run(new, "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", str(file))
        await _check(new, manifest)
        erased = await _erase_again(new, master, folder, note)
        await _exchange(admin, name, fresh, f"{name}_before_{stamp}")
    except BaseException:
        await embedded.drop_database(admin, fresh)
        raise
    if not there:
        await embedded.drop_database(admin, f"{name}_before_{stamp}")
    return Restored(manifest.position, f"{name}_before_{stamp}" if there else None, manifest.master_key_id, erased)


async def _erase_again(dsn: str, master: MasterKey, folder: Path | None, note: Note) -> tuple[int, ...]:
    """Carry out the erasures that the data folder notes; returns whose words the backup still held."""
    if folder is None or not await asyncio.to_thread(tombstones.read, folder):
        return ()
    note("erasing again what people had erased since")
    await migrate(dsn)
    async with open_log(dsn, master) as log:
        return await erasure.erase_again(log, folder)


async def _check(dsn: str, manifest: Manifest) -> None:
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        row = await (
            await connection.execute("SELECT (SELECT position FROM log_head), count(*), coalesce(max(position), 0) FROM events")
        ).fetchone()
        assert row is not None
        if row != (manifest.position, manifest.events, manifest.position):
            raise BackupError(
                f"The restored log has {row[1]} events up to {row[2]}, the manifest says {manifest.events}. Use another backup."
            )
        await connection.execute("ANALYZE")


async def _exchange(admin: str, name: str, fresh: str, kept: str) -> None:
    async with await AsyncConnection.connect(admin, autocommit=True) as connection:
        try:
            async with connection.transaction():
                for old, new in ((name, kept), (fresh, name)):
                    await connection.execute(
                        composed.SQL("ALTER DATABASE {} RENAME TO {}").format(composed.Identifier(old), composed.Identifier(new))
                    )
        except psycopg.errors.ObjectInUse:
            raise BackupError(
                "Somebody is connected to the database. Stop Tzurot (and other programs) first, then restore again."
            ) from None


async def _facts(dsn: str) -> tuple[int, str, int]:
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        row = await (
            await connection.execute(
                "SELECT (SELECT position FROM log_head), current_setting('server_version'), (SELECT count(*) FROM migrations)"
            )
        ).fetchone()
    assert row is not None
    return int(row[0]), str(row[1]), int(row[2])


async def _events(dsn: str) -> int:
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        row = await (await connection.execute("SELECT to_regclass('log_head')")).fetchone()
        if row is None or row[0] is None:
            return 0
        head = await (await connection.execute("SELECT position FROM log_head")).fetchone()
        return int(head[0]) if head else 0


async def _dumped_position(file: Path) -> int:
    """The head as it stands in the dump itself: events may have been added since we looked."""
    process = await asyncio.create_subprocess_exec(
        program("pg_restore"), "--data-only", "--table=log_head", "--file=-", str(file), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    lines = out.decode().splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith("COPY public.log_head")), None)
    if process.returncode or start is None:
        raise BackupError("The dump cannot be read back. Is there enough disk space?")
    return int(lines[start + 1].split("\t")[1])


async def _run(dsn: str, name: str, *words: str, out: int | None = None) -> None:
    """Run one of Postgres' programs against a database; the password goes by the environment, not the command line."""
    parts: dict[str, Any] = dict(conninfo_to_dict(dsn))
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGPASSWORD": str(parts.pop("password", None) or "")}
    bare = make_conninfo(**parts)
    process = await asyncio.create_subprocess_exec(
        program(name), f"--dbname={bare}", *words, stdout=out, stderr=asyncio.subprocess.PIPE, env=environment
    )
    _, errors = await process.communicate()
    if process.returncode:
        lines = [line for line in errors.decode(errors="replace").splitlines() if "error:" in line] or ["it said nothing"]
        if any(said in lines[0] for said in ("No space left", "quota exceeded")):
            raise BackupError("There is no room on the disk for it. Free some, or choose another place.")
        raise BackupError(f"{name} failed: {lines[0].split('error:')[-1].strip()}")


def program(name: str) -> str:
    """From the wheel, else from the PATH."""
    bundled = installation() / "bin" / name
    found = str(bundled) if bundled.exists() else shutil.which(name)
    if found is None:
        raise BackupError(f"{name} was not found. Install Postgres' client programs.")
    return found


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def default_name(moment: datetime) -> str:
    """A file name that sorts by time."""
    return f"tzurot-{moment:%Y%m%d-%H%M%S}.dump"
