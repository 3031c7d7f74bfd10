"""Another master key for all data keys, while everything runs, and whatever kills it.

New key file beside the old one -> every data key wrapped anew, some hundreds a transaction -> the old key retired in the database, so
that nothing is wrapped with it again -> an event -> what the old one wrapped is scrubbed from the database's files -> the new file
takes the old one's place. Each step finds what the one before left.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import AsyncConnection

from engine import ids, oldkeys, scrub
from engine.errors import WrongKey
from engine.events import build
from engine.events.privacy import MasterKeyRotated
from engine.failpoints import failpoint
from engine.sealing import unseal
from engine.store import Log
from engine.vault import MasterKey, create_master_key, read_master_key, sync_folder, wrap

BATCH = 500
Tell = Callable[[int, int], None]
"""Told how many keys are done and how many there are."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """From which key to which, and how many data keys the new one wraps now."""

    from_key_id: str
    to_key_id: str
    keys: int
    still_in: tuple[str, ...] = ()
    """Where keys wrapped by the old one may still be found, and old keys that are kept."""


async def rotate_file(log: Log, path: Path, tell: Tell = lambda *_: None, *, keep_old: bool | None = None) -> Rotated:
    """Rotate the key in `master.key`, or go on with a rotation that was interrupted.

    The old key goes, unless a backup or a kept database here needs it, or `keep_old` says to keep it (as `master.key.<id>`) for
    copies elsewhere; False drops it in any case.
    """
    old = read_master_key(path)
    coming = path.with_name(f"{path.name}.next")
    try:
        new = read_master_key(coming) if coming.exists() else create_master_key(coming)
    except ValueError:
        raise WrongKey(
            f"{coming} is empty or damaged. If no rotation was interrupted, delete it; else restore it from your backup."
        ) from None
    found = await rotate(log, old, new, tell)
    if keep_old or (keep_old is None and old.id in await oldkeys.needed(log.dsn, path.parent)):
        oldkeys.keep(path, old, asked=bool(keep_old))
    failpoint("rotation.before_replace")
    coming.replace(path)
    sync_folder(path.parent)
    return replace(found, still_in=(*found.still_in, *await oldkeys.prune(log.dsn, path.parent)))


async def rotate(log: Log, old: MasterKey, new: MasterKey, tell: Tell = lambda *_: None) -> Rotated:
    """Wrap every data key with `new`. May be repeated after a kill. Raises WrongKey when `old` is not the one in use."""
    async with log.pool.connection() as connection:
        total = await _count(connection)
        done = await _count(connection, new.id)
        while moved := await _some(connection, old, new):
            done += moved
            tell(done, total)
            failpoint("rotation.after_batch")
        keys = await _retire(connection, old, new)
    event = MasterKeyRotated(from_key_id=old.id, to_key_id=new.id, keys=keys)
    await log.append(build.new(event, ids.derived("master-key-rotated", old.id, new.id)))
    return Rotated(old.id, new.id, keys, tuple(await scrub.scrub(log.dsn, ("data_keys",))))


async def _count(connection: AsyncConnection, master_id: str | None = None) -> int:
    row = await (
        await connection.execute(
            "SELECT count(*) FROM data_keys WHERE wrapped IS NOT NULL AND (%s::text IS NULL OR master_key_id = %s)", (master_id, master_id)
        )
    ).fetchone()
    return int(row[0]) if row else 0


async def _some(connection: AsyncConnection, old: MasterKey, new: MasterKey) -> int:
    """One batch in one transaction; how many."""
    async with connection.transaction():
        cursor = await connection.execute(
            "SELECT subject, wrapped FROM data_keys WHERE master_key_id = %s AND wrapped IS NOT NULL ORDER BY subject LIMIT %s FOR UPDATE",
            (old.id, BATCH),
        )
        rows = [(_rewrapped(old, new, subject, wrapped), new.id, subject) for subject, wrapped in await cursor.fetchall()]
        if rows:
            async with connection.cursor() as writing:
                await writing.executemany("UPDATE data_keys SET wrapped = %s, master_key_id = %s WHERE subject = %s", rows)
        return len(rows)


def _rewrapped(old: MasterKey, new: MasterKey, subject: str, wrapped: bytes) -> bytes:
    return wrap(new, subject, unseal(AESGCM(old.secret), wrapped, b"data key of " + subject.encode()))


async def _retire(connection: AsyncConnection, old: MasterKey, new: MasterKey) -> int:
    """Forbid the old key, with no data key left under it."""
    while True:
        async with connection.transaction():
            await connection.execute("LOCK TABLE data_keys IN SHARE ROW EXCLUSIVE MODE")
            if not await _count(connection, old.id):
                await connection.execute("INSERT INTO retired_master_keys (master_key_id) VALUES (%s) ON CONFLICT DO NOTHING", (old.id,))
                await connection.execute(
                    "UPDATE data_keys SET master_key_id = %s WHERE wrapped IS NULL AND master_key_id = %s", (new.id, old.id)
                )
                break
        await _some(connection, old, new)
    if await _count(connection, new.id) != await _count(connection):
        raise WrongKey("some data keys are wrapped by a master key that is neither the old nor the new one; restore that key first")
    return await _count(connection, new.id)
