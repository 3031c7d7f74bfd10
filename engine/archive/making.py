"""Make archives: the rows that belong in one, the files they refer to, and for operators the keys they are sealed with."""

import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, NamedTuple

import orjson

from engine import blobs, clock
from engine.archive import selection
from engine.archive.container import BLOBS, EVENTS, KEYS, ArchiveManifest, ArchiveMember, ArchiveWriter, Scope
from engine.archive.lines import line_of
from engine.errors import WrongKey
from engine.sealing import DataKey
from engine.store import Log, Stored
from engine.store.codec import open_stored

Tell = Callable[[int, int], Awaitable[None]]
"""Told how many rows are done and how many there are."""
Seen = Callable[[Stored, bytes], None]
"""Given each row that is kept, and its line."""
_ADDRESS = re.compile(rb'"([0-9a-f]{64})"')


async def untold(_done: int, _total: int) -> None:
    """Nobody is told."""


@dataclass(slots=True)
class _Making:
    """An archive being made."""

    log: Log
    writer: ArchiveWriter
    names: frozenset[str]
    addresses: set[str] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)

    @property
    def manifest(self) -> ArchiveManifest:
        return self.writer.manifest

    def leave_out(self, why: str) -> None:
        self.manifest.left_out[why] = self.manifest.left_out.get(why, 0) + 1


async def make(
    log: Log, file: IO[bytes], scope: Scope, about: int = 0, *, opened: bool = True, tell: Tell = untold, seen: Seen | None = None
) -> ArchiveWriter:
    """Write events and files of a scope; the caller adds what else belongs to it, and finishes it.

    A person's archive is always opened and holds nothing that is sealed with somebody else's key.
    """
    opened = opened or scope == "person"
    head = await log.head()
    manifest = ArchiveManifest(scope, about, clock.now().isoformat(), opened, head)
    async with log.pool.connection() as connection:
        names = await selection.key_names(connection, about) if scope == "person" else frozenset()
    made = _Making(log, ArchiveWriter(file, manifest), names)
    await _events(made, await selection.positions(log, scope, about), tell, seen)
    await _files(made)
    if scope == "everything" or not opened:
        await _keys(made)
    return made.writer


async def _events(made: _Making, wanted: Sequence[int], tell: Tell, seen: Seen | None) -> None:
    manifest, count, done = made.manifest, 0, 0
    with made.writer.open(EVENTS) as member:
        async for page in selection.pages(made.log, wanted):
            keys = await made.log.vault.keys({row.subject for row in page if row.subject is not None and row.sealed is not None})
            for row in page:
                if manifest.scope == "person" and not selection.is_own(row, made.names):
                    made.leave_out(f"events: {_why(row)}")
                    continue
                count += 1
                _one(made, member, row, keys.get(row.subject or ""), seen)
            done += len(page)
            await tell(done, len(wanted))
    manifest.counts["events"] = count


def _one(made: _Making, member: ArchiveMember, row: Stored, key: DataKey | None, seen: Seen | None) -> None:
    line = line_of(row, key, opened=made.manifest.opened)
    member.write(line + b"\n")
    made.subjects |= {row.subject} if row.subject is not None else set()
    whole = (
        line if made.manifest.opened or row.sealed is None or key is None else orjson.dumps(open_stored(row.sealed, key, row.id, row.type))
    )
    made.addresses |= {found.decode() for found in _ADDRESS.findall(whole)}
    if seen is not None:
        seen(row, line)


def _why(row: Stored) -> str:
    if not row.type.startswith(selection.OWN) or row.type in selection.NOT_OWN:
        return f"{row.type.partition('.')[0]} records of this installation"
    return "they hold other people's words as well"


class KeptFile(NamedTuple):
    """A row of the table of files."""

    address: str
    subject: str
    sealed: bytes


async def _files(made: _Making) -> None:
    """The files the events refer to (all, of everything; a person's own, of a person), and those that cards refer to."""
    done, waiting = set[str](), list[str]()
    async with made.log.pool.connection() as connection:
        cursor = await connection.execute("SELECT address, subject FROM blobs ORDER BY address")
        for address, subject in await cursor.fetchall():
            everything, own = made.manifest.scope == "everything", made.names and set(subject.split("+")) <= made.names
            if everything or own or (address in made.addresses and made.manifest.scope == "server"):
                waiting.append(address)
    index, count = list[bytes](), 0
    while waiting:
        address = waiting.pop()
        if address in done:
            continue
        done.add(address)
        if (found := await _file(made, address)) is None:
            continue
        line, content = found
        if made.manifest.scope == "server":
            waiting += [one.decode() for one in _ADDRESS.findall(content)] if content[:1] == b"{" else []
        index.append(line)
        count += 1
    made.writer.add(BLOBS, (line + b"\n" for line in sorted(index)))
    made.manifest.counts["files"] = count


async def _file(made: _Making, address: str) -> tuple[bytes, bytes] | None:
    async with made.log.pool.connection() as connection:
        cursor = await connection.execute("SELECT address, subject, sealed FROM blobs WHERE address = %s", (address,))
        row = await cursor.fetchone()
    if row is None:
        return None
    kept, content = KeptFile(*row), b""
    with suppress(WrongKey):
        content = await blobs.get(made.log.pool, made.log.vault, address) or b""
    made.subjects.add(kept.subject)
    if not content and made.manifest.opened:
        made.leave_out("files: they can be read no more")
        return None
    name = f"files/{address}"
    made.writer.add(name, content if made.manifest.opened else bytes(kept.sealed))
    return orjson.dumps({"address": address, "subject": kept.subject, "size": len(content), "member": name}), content


async def _keys(made: _Making) -> None:
    """The names of the keys, in a sealed archive each as the master key wraps it; and people's own provider keys as they are sealed."""
    manifest = made.manifest
    wanted = sorted({name for subject in made.subjects for name in subject.split("+")})
    async with made.log.pool.connection() as connection:
        everything = manifest.scope == "everything"
        cursor = await connection.execute(
            "SELECT subject, wrapped, master_key_id, created_at FROM data_keys WHERE %s OR subject = ANY(%s) ORDER BY subject",
            (everything, wanted),
        )
        rows = await cursor.fetchall()
        cursor = await connection.execute("SELECT subject, epoch FROM key_epochs WHERE %s ORDER BY subject", (everything,))
        epochs = await cursor.fetchall()
        cursor = await connection.execute(
            "SELECT key_id, user_id, provider, subject, sealed FROM provider_keys WHERE %s ORDER BY key_id",
            (everything and not manifest.opened,),
        )
        secrets = await cursor.fetchall()
    masters = {row[2] for row in rows if row[1] is not None}
    manifest.master_key_id = "+".join(sorted(masters))
    lines = [_key_line(*row, opened=manifest.opened) for row in rows]
    lines += [orjson.dumps({"epoch_of": subject, "epoch": epoch}) for subject, epoch in epochs]
    for key_id, user, provider, subject, sealed in secrets:
        fields = {"provider_key": key_id, "user": user, "provider": provider, "subject": subject}
        lines.append(orjson.dumps(fields | {"sealed": base64.b64encode(bytes(sealed)).decode()}))
    made.writer.add(KEYS, (line + b"\n" for line in lines))
    manifest.counts["keys"] = len(rows)


def _key_line(name: str, wrapped: bytes | None, master: str, created_at: object, *, opened: bool) -> bytes:
    line: dict[str, object] = {"name": name, "destroyed": wrapped is None, "created_at": created_at}
    if wrapped is not None and not opened:
        line |= {"wrapped": base64.b64encode(bytes(wrapped)).decode(), "master_key_id": master}
    return orjson.dumps(line)
