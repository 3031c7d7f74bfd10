"""Per-subject data keys, wrapped by a master key; what they seal; and how a key is destroyed.

AES-256-GCM throughout (NIST SP 800-38D): 12-byte random nonce before the ciphertext, 16-byte tag after it. The additional
data binds a ciphertext to the event (or key) it belongs to, so that it cannot be moved to another row.
"""

import asyncio
import hashlib
import os
import secrets
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from engine.config import Settings
from engine.errors import KeyDestroyed, SettingsError, WrongKey
from engine.timeouts import CHECK_SECONDS, impatient

NONCE_BYTES = 12
CACHE_SECONDS = 20.0
"""How long a process goes on with a key it has seen: bounds how long an erased text stays readable anywhere (limit: 60 s)."""

Pool = AsyncConnectionPool[AsyncConnection]


@dataclass(frozen=True, slots=True)
class MasterKey:
    """32 bytes and their fingerprint. The fingerprint is stored; the bytes never are. `file` is where they were read, if anywhere."""

    secret: bytes
    id: str
    file: Path | None = None

    @classmethod
    def of(cls, secret: bytes, file: Path | None = None) -> "MasterKey":
        return cls(secret, hashlib.sha256(b"tzurot master key" + secret).hexdigest()[:16], file)

    def __repr__(self) -> str:
        return f"MasterKey(id={self.id!r})"


def load_master_key(settings: Settings) -> MasterKey:
    """From MASTER_KEY, else from `<data>/master.key`, which is made with mode 600 when there is none."""
    if settings.master_key is not None:
        return MasterKey.of(bytes.fromhex(settings.master_key.get_secret_value()))
    path = settings.tzurot_data / "master.key"
    try:
        return read_master_key(path)
    except FileNotFoundError:
        return create_master_key(path)
    except (ValueError, OSError) as error:
        raise SettingsError(
            f"{path} cannot be used as master key ({type(error).__name__})."
            " Restore it from your backup; without it stored texts cannot be read."
        ) from None


def read_master_key(path: Path) -> MasterKey:
    """The key in a file. Raises OSError, ValueError."""
    return MasterKey.of(bytes.fromhex(path.read_text().strip()), path)


def create_master_key(path: Path) -> MasterKey:
    """A new key in a file of mode 600, on disk before this returns; the one that is there when somebody was faster."""
    secret = secrets.token_bytes(32)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)  # the whole key at once, or not at all
        part.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise SettingsError(
            f"The data folder {path.parent} cannot be written ({error.strerror}). Choose another with TZUROT_DATA."
        ) from None
    return read_master_key(path)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def ring(path: Path) -> list[MasterKey]:
    """All master keys that lie beside a key file, it first: while a rotation runs there are two."""
    found = []
    for file in [path, *sorted(path.parent.glob(f"{path.name}.next"))]:
        with suppress(OSError, ValueError):
            found.append(read_master_key(file))
    return found


def seal(key: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    """nonce + ciphertext + tag."""
    nonce = _nonce()
    return nonce + key.encrypt(nonce, plain, bound_to)


_nonces: deque[bytes] = deque()
os.register_at_fork(after_in_child=_nonces.clear)


def _nonce() -> bytes:
    # Many at once: asking the system costs more than the encryption. `popleft` is atomic, so no two threads get the same.
    try:
        return _nonces.popleft()
    except IndexError:
        block = os.urandom(NONCE_BYTES * 256)
        _nonces.extend(block[at : at + NONCE_BYTES] for at in range(NONCE_BYTES, len(block), NONCE_BYTES))
        return block[:NONCE_BYTES]


def unseal(key: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    """The plain bytes. Raises WrongKey when the key, the bytes or what they are bound to are not the ones sealed."""
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
    except InvalidTag:
        raise WrongKey("a sealed text does not open: wrong master key, or the row was tampered with") from None


def wrap(master: MasterKey, subject: str, data_key: bytes) -> bytes:
    """A data key sealed with a master key, bound to its subject."""
    return seal(AESGCM(master.secret), data_key, b"data key of " + subject.encode())


def unwrap(master: MasterKey, subject: str, wrapped: bytes) -> AESGCM:
    """The data key. Raises WrongKey."""
    return AESGCM(unseal(AESGCM(master.secret), wrapped, b"data key of " + subject.encode()))


class Vault:
    """Hands out data keys. One per process; holds keys in memory for CACHE_SECONDS."""

    def __init__(self, pool: Pool, master: MasterKey, older: Iterable[MasterKey] = ()) -> None:
        self._pool = pool
        self._master = master
        self._masters = {key.id: key for key in (*older, master)}
        self._cache: dict[str, tuple[AESGCM | None, float]] = {}
        self._ageing: set[str] = set()
        self._refreshing: asyncio.Task[None] | None = None

    async def key(self, subject: str) -> AESGCM:
        """The subject's key, made when there is none. Raises KeyDestroyed after an erasure."""
        return (await self.keys([subject], create=True))[subject]

    async def keys(self, subjects: Iterable[str], *, create: bool = False) -> dict[str, AESGCM]:
        """The keys of those subjects that have one, in one round trip.

        With `create` missing ones are made, and a destroyed one raises KeyDestroyed; without, destroyed ones are left out.
        """
        wanted = set(subjects)
        deadline = time.monotonic()
        fresh = {s: entry[0] for s in wanted if (entry := self._cache.get(s)) is not None and entry[1] > deadline}
        if missing := wanted - fresh.keys():
            fresh |= await self._fetch(missing, create)
        if create and (gone := [subject for subject, key in fresh.items() if key is None]):
            raise KeyDestroyed(gone[0])
        return {subject: key for subject, key in fresh.items() if key is not None}

    def at_hand(self, subject: str) -> AESGCM | None:
        """The key of a subject when it is in memory, without waiting; None when `keys` has to be asked.

        One that is about to be too old is asked for in the background, so that a busy writer never waits for keys.
        """
        entry = self._cache.get(subject)
        if entry is None:
            return None
        left = entry[1] - time.monotonic()
        if left < CACHE_SECONDS / 2:
            self._ageing.add(subject)
            if self._refreshing is None or self._refreshing.done():
                self._refreshing = asyncio.create_task(self._refresh())
        return entry[0] if left > 0 else None

    async def _refresh(self) -> None:
        while self._ageing:
            await asyncio.sleep(0.05)  # gather some
            subjects, self._ageing = self._ageing, set()
            with suppress(psycopg.OperationalError):  # then they grow too old, and whoever needs one waits
                await self._fetch(subjects, create=False)

    async def close(self) -> None:
        """End what runs in the background."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    async def prefetch(self, subjects: Iterable[str]) -> None:
        """Have the keys in memory, made where there is none, whatever became of some of them."""
        now = time.monotonic()
        missing = {subject for subject in subjects if (entry := self._cache.get(subject)) is None or entry[1] <= now}
        if missing:
            await self._fetch(missing, create=True)

    def forget(self, subject: str) -> None:
        """Drop what this process remembers of a subject's key."""
        self._cache.pop(subject, None)

    async def destroy(self, subject: str) -> bool:
        """Destroy the key for good. True when there was one. What it sealed cannot be read by anybody any more."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "INSERT INTO data_keys AS k (subject, wrapped, master_key_id, destroyed_at) VALUES (%s, NULL, %s, now())"
                " ON CONFLICT (subject) DO UPDATE SET wrapped = NULL, destroyed_at = now()"
                " WHERE k.destroyed_at IS NULL RETURNING (xmax <> 0)",
                (subject, self._master.id),
            )
            row = await cursor.fetchone()
        self._cache.pop(subject, None)
        return bool(row and row[0])

    async def _fetch(self, subjects: set[str], create: bool) -> dict[str, AESGCM | None]:
        found = await self._ask(subjects, create)
        expires = time.monotonic() + CACHE_SECONDS
        self._cache.update({subject: (key, expires) for subject, key in found.items()})
        self._trim()
        return found

    async def _ask(self, subjects: set[str], create: bool) -> dict[str, AESGCM | None]:
        """From the database; once more on another connection when one has died or fallen silent."""
        try:
            return await self._ask_once(subjects, create)
        except psycopg.OperationalError:
            return await self._ask_once(subjects, create)

    async def _ask_once(self, subjects: set[str], create: bool) -> dict[str, AESGCM | None]:
        async with self._pool.connection() as connection:
            # Less patient than an append, for which there must be time left when all connections have fallen silent (R10).
            found = await impatient(connection, self._select(connection, subjects), CHECK_SECONDS)
            if create and (absent := subjects - found.keys()):
                found |= await impatient(connection, self._create(connection, absent))
            return found

    async def _create(self, connection: AsyncConnection, absent: set[str]) -> dict[str, AESGCM | None]:
        await self._insert(connection, absent)
        found = await self._select(connection, absent)
        if absent - found.keys():  # our master key was rotated away meanwhile
            self._look_again(retired=self._master.id)
            await self._insert(connection, absent)
            found = await self._select(connection, absent)
        if absent - found.keys():
            raise WrongKey(
                f"Master key {self._master.id} was rotated away. Give this process the new one: set MASTER_KEY or restore master.key."
            )
        return found

    def _look_again(self, *, retired: str = "") -> None:
        """Read the key files once more: a rotation may have put a new one there."""
        if self._master.file is not None:
            found = ring(self._master.file)
            self._masters |= {key.id: key for key in found}
            if self._master.id == retired:
                self._master = next((key for key in found if key.id != retired), self._master)

    async def _select(self, connection: AsyncConnection, subjects: set[str]) -> dict[str, AESGCM | None]:
        cursor = await connection.execute(
            "SELECT subject, wrapped, master_key_id FROM data_keys WHERE subject = ANY(%s)", (list(subjects),)
        )
        rows = await cursor.fetchall()
        if {master_id for _, wrapped, master_id in rows if wrapped is not None} - self._masters.keys():
            self._look_again()
        return {subject: self._unwrap(subject, wrapped, master_id) for subject, wrapped, master_id in rows}

    async def _insert(self, connection: AsyncConnection, subjects: set[str]) -> None:
        rows = [(subject, self._wrap(subject, AESGCM.generate_key(256)), self._master.id) for subject in sorted(subjects)]
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO data_keys (subject, wrapped, master_key_id) SELECT %s, %s, id FROM (VALUES (%s)) AS master (id)"
                " WHERE NOT EXISTS (SELECT FROM retired_master_keys WHERE master_key_id = id) ON CONFLICT DO NOTHING",
                rows,
            )

    def _wrap(self, subject: str, data_key: bytes) -> bytes:
        return wrap(self._master, subject, data_key)

    def _unwrap(self, subject: str, wrapped: bytes | None, master_id: str) -> AESGCM | None:
        if wrapped is None:
            return None
        master = self._masters.get(master_id)
        if master is None:
            raise WrongKey(
                f"This database's keys are wrapped by master key {master_id}, not by the one given ({self._master.id})."
                " Set MASTER_KEY or restore master.key."
            )
        return unwrap(master, subject, wrapped)

    def _trim(self) -> None:
        if len(self._cache) > 50_000:
            now = time.monotonic()
            self._cache = {subject: entry for subject, entry in self._cache.items() if entry[1] > now}
