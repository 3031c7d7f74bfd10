"""Per-subject data keys, wrapped by a master key, and how a key is destroyed. What they do to bytes: engine.sealing."""

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from engine import data_keys, subjects
from engine.config import Settings
from engine.errors import KeyDestroyed, SettingsError, WrongKey
from engine.sealing import KEY_BYTES as KEY_BYTES
from engine.sealing import NONCE_BYTES as NONCE_BYTES
from engine.sealing import DataKey as DataKey
from engine.sealing import combined, seal, unseal
from engine.timeouts import CHECK_SECONDS, impatient

CACHE_SECONDS = 20.0
"""How long a process goes on with a key it has seen: bounds how long an erased text stays readable anywhere (limit: 60 s)."""
REMEMBERED = 50_000
"""Keys in memory from which on old ones are dropped."""

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
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}). Make it readable for the user who starts Tzurot.") from None
    except ValueError:
        if settings.database_url is None and not (settings.tzurot_data / "postgres" / "data" / "PG_VERSION").exists():
            path.unlink()  # nothing was ever sealed with it: a start that was cut off left it
            return create_master_key(path)
        raise SettingsError(f"{path} is empty or damaged. Restore it from your backup; without it stored texts cannot be read.") from None


def read_master_key(path: Path) -> MasterKey:
    """The key in a file. Raises OSError, and ValueError when it does not hold a whole one."""
    secret = bytes.fromhex(path.read_text(encoding="ascii", errors="replace").strip())
    if len(secret) != KEY_BYTES:
        raise ValueError("no whole key")
    return MasterKey.of(secret, path)


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
            f"The data folder {path.parent} cannot be written ({(error.strerror or type(error).__name__).lower()})."
            " Free some room or choose another with TZUROT_DATA."
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


def wrap(master: MasterKey, subject: str, data_key: bytes) -> bytes:
    """A data key sealed with a master key, bound to its subject."""
    return seal(AESGCM(master.secret), data_key, b"data key of " + subject.encode())


def unwrap(master: MasterKey, name: str, wrapped: bytes) -> DataKey:
    """The data key. Raises WrongKey."""
    return DataKey(name, unseal(AESGCM(master.secret), wrapped, b"data key of " + name.encode()))


Subjects = tuple[str, ...]
"""Whose words a text holds, as an event declares them (engine.subjects)."""


class Vault:
    """Hands out data keys. One per process; holds keys in memory for CACHE_SECONDS.

    What is written asks by subject and gets the key that is current; what is read asks by the key's name, as the row has it.
    """

    def __init__(self, pool: Pool, master: MasterKey, older: Iterable[MasterKey] = ()) -> None:
        self._pool = pool
        self._master = master
        self._masters = {key.id: key for key in (*older, master)}
        self._cache: dict[str, tuple[DataKey | None, float]] = {}
        self._current: dict[Subjects, tuple[DataKey, float]] = {}
        self._ageing: set[Subjects] = set()
        self._refreshing: asyncio.Task[None] | None = None

    async def key(self, *of: str) -> DataKey:
        """The key that seals what is written now for these subjects, made when there is none.

        Raises KeyDestroyed when a subject is pinned to a key that was destroyed.
        """
        return (await self.current([of]))[of]

    async def current(self, wanted: Iterable[Subjects], *, create: bool = True) -> dict[Subjects, DataKey]:
        """The same for many, in one round trip when nothing has to be made. Without `create` those that lack a key are left out."""
        now = time.monotonic()
        found = {of: entry[0] for of in set(wanted) if (entry := self._current.get(of)) is not None and entry[1] > now}
        if missing := set(wanted) - found.keys():
            found |= await self._fetch_current(missing, create)
        return found

    async def keys(self, names: Iterable[str]) -> dict[str, DataKey]:
        """The keys with these names, in one round trip; those that were destroyed are left out, and joined ones that lack one."""
        wanted, now = set(names), time.monotonic()
        singles = {single for name in wanted for single in subjects.members(name)}
        fresh = {name: entry[0] for name in singles if (entry := self._cache.get(name)) is not None and entry[1] > now}
        if missing := singles - fresh.keys():
            fresh |= await self._fetch(missing)
        return {name: key for name in wanted if (key := _combined(fresh, subjects.members(name))) is not None}

    async def keyed_digest(self, of: str | Subjects, content: bytes) -> str:
        """HMAC of personal content by the current key of a subject: what may stand in a clear column. See DataKey.digest."""
        return (await self.key(*((of,) if isinstance(of, str) else of))).digest(content)

    def at_hand(self, of: Subjects) -> DataKey | None:
        """The key to write with when it is in memory, without waiting; None when `current` has to be asked.

        One that is about to be too old is asked for in the background, so that a busy writer never waits for keys.
        """
        entry = self._current.get(of)
        if entry is None:
            return None
        left = entry[1] - time.monotonic()
        if left < CACHE_SECONDS / 2:
            self._ageing.add(of)
            if self._refreshing is None or self._refreshing.done():
                self._refreshing = asyncio.create_task(self._refresh())
        return entry[0] if left > 0 else None

    async def _refresh(self) -> None:
        while self._ageing:
            await asyncio.sleep(0.05)  # gather some
            ageing, self._ageing = self._ageing, set()
            with suppress(psycopg.OperationalError, KeyDestroyed):  # then they grow too old, and whoever needs one waits
                await self._fetch_current(ageing, create=False)

    async def close(self) -> None:
        """End what runs in the background."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    async def prefetch(self, wanted: Iterable[Subjects]) -> None:
        """Have the keys to write with in memory, made where there is none, whatever became of some of them."""
        now = time.monotonic()
        missing = {of for of in wanted if (entry := self._current.get(of)) is None or entry[1] <= now}
        if missing:
            with suppress(KeyDestroyed):
                await self._fetch_current(missing, create=True)

    def forget(self, subject: str) -> None:
        """Drop what this process remembers of a subject's keys."""
        self._cache = {name: entry for name, entry in self._cache.items() if subjects.base(name) != subject}
        self._current = {of: entry for of, entry in self._current.items() if subject not in map(subjects.base, of)}

    async def destroy(self, subject: str, only: Collection[str] | None = None) -> list[str]:
        """Destroy all keys of a subject for good (or those of them named); returns their names, [] when none was left.

        What they sealed cannot be read by anybody any more. What is written from now on is sealed with a new key.
        """
        async with self._pool.connection() as connection:
            destroyed = await data_keys.destroy(connection, subject, only)
        self.forget(subject)
        return destroyed

    async def destroyed(self, names: Iterable[str]) -> set[str]:
        """Which of these keys can open nothing any more, because they or one of those they need were destroyed."""
        needed = {name: set(subjects.members(name)) for name in names}
        async with self._pool.connection() as connection:
            gone = await data_keys.destroyed(connection, set().union(*needed.values()))
        return {name for name, members in needed.items() if members & gone}

    async def erased(self, subjects_: Iterable[str]) -> set[str]:
        """Which of these subjects had a key destroyed, whether they have a new one or not."""
        async with self._pool.connection() as connection:
            return {one for one in set(subjects_) if await data_keys.names_of(connection, one, destroyed=True)}

    async def _fetch_current(self, wanted: set[Subjects], create: bool) -> dict[Subjects, DataKey]:
        singles = {single for of in wanted for single in of}
        found = await self._ask(lambda connection: self._find_current(connection, singles, create))
        if create and (gone := sorted(singles - found.keys())):
            raise KeyDestroyed(gone[0])
        expires = time.monotonic() + CACHE_SECONDS
        made = {of: key for of in wanted if (key := _combined(found, of)) is not None}
        self._cache.update({key.subject: (key, expires) for key in found.values()})
        self._current.update({of: (key, expires) for of, key in made.items()})
        for of in wanted - made.keys():
            self._current.pop(of, None)
        self._trim()
        return made

    async def _fetch(self, names: set[str]) -> dict[str, DataKey | None]:
        found = await self._ask(lambda connection: self._select(connection, names))
        expires = time.monotonic() + CACHE_SECONDS
        self._cache.update({name: (key, expires) for name, key in found.items()})
        self._trim()
        return found

    async def _ask[T](self, question: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """From the database; once more on another connection when one has died or fallen silent."""
        try:
            async with self._pool.connection() as connection:
                return await question(connection)
        except psycopg.OperationalError:
            async with self._pool.connection() as connection:
                return await question(connection)

    async def _find_current(self, connection: AsyncConnection, wanted: set[str], create: bool) -> dict[str, DataKey]:
        """By subject as it was asked for: the key that is current, or the one it is pinned to."""
        fixed = {subject: name for subject in wanted if (name := subjects.name_of_pinned(subject)) is not None}
        free = wanted - fixed.keys()
        # Less patient than an append, for which there must be time left when all connections have fallen silent (R10).
        names = fixed | await impatient(connection, data_keys.current_names(connection, free), CHECK_SECONDS)
        rows = await impatient(connection, self._select(connection, set(names.values())), CHECK_SECONDS)
        if create and (absent := {names[subject] for subject in free} - rows.keys()):
            rows |= await impatient(connection, self._create(connection, absent))
        return {subject: key for subject, name in names.items() if (key := rows.get(name)) is not None}

    async def _create(self, connection: AsyncConnection, absent: set[str]) -> dict[str, DataKey | None]:
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

    async def _select(self, connection: AsyncConnection, names: set[str]) -> dict[str, DataKey | None]:
        if not names:
            return {}
        rows = await impatient(connection, data_keys.wrapped(connection, names), CHECK_SECONDS)
        if {row.master_key_id for row in rows if row.wrapped is not None} - self._masters.keys():
            self._look_again()
        return {row.name: self._unwrap(row) for row in rows}

    async def _insert(self, connection: AsyncConnection, names: set[str]) -> None:
        secrets_ = {name: wrap(self._master, name, secrets.token_bytes(KEY_BYTES)) for name in sorted(names)}
        await data_keys.insert(connection, secrets_, self._master.id)

    def _unwrap(self, row: data_keys.Wrapped) -> DataKey | None:
        if row.wrapped is None:
            return None
        master = self._masters.get(row.master_key_id)
        if master is None:
            raise WrongKey(
                f"This database's keys are wrapped by master key {row.master_key_id}, not by the one given ({self._master.id})."
                " Set MASTER_KEY or restore master.key."
            )
        return unwrap(master, row.name, row.wrapped)

    def _trim(self) -> None:
        now = time.monotonic()
        if len(self._cache) > REMEMBERED:
            self._cache = {name: entry for name, entry in self._cache.items() if entry[1] > now}
        if len(self._current) > REMEMBERED:
            self._current = {of: entry for of, entry in self._current.items() if entry[1] > now}


def _combined(found: Mapping[str, DataKey | None], members: Sequence[str]) -> DataKey | None:
    """The key made of the members' keys; None when one is missing."""
    keys = {key.subject: key for member in members if (key := found.get(member)) is not None}
    return combined(list(keys.values())) if members and all(found.get(member) is not None for member in members) else None
