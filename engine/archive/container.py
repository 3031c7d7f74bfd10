"""The ZIP of an archive: members with digests, named by a manifest that is written last. Reading is bounded and never unpacks to disk."""

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import orjson

from engine.archive.lines import LONGEST
from engine.errors import TzurotError

FORMAT, VERSION = "tzurot-archive", 2
MANIFEST = "manifest.json"
EVENTS, BLOBS, KEYS = "events.jsonl", "blobs.jsonl", "keys.jsonl"
MOST_MANIFEST = 8 * 1024 * 1024
MOST_MEMBERS = 200_000
_BLOCK = 1 << 16
Scope = Literal["person", "server", "everything"]


class ArchiveError(TzurotError):
    """The file is no archive, or not whole; the sentence says what is wrong."""


@dataclass(frozen=True, slots=True)
class MemberDigest:
    """A member's size in bytes and SHA-256."""

    size: int
    sha256: str


@dataclass(slots=True)
class ArchiveManifest:
    """What an archive says of itself. `about` is the person's or the server's id; `opened`: texts stand in the clear.

    `counts` say how many events, files and so on there are, `left_out` what is not in it and why.
    """

    scope: Scope
    about: int
    made_at: str
    opened: bool
    position: int = 0
    master_key_id: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    members: dict[str, MemberDigest] = field(default_factory=dict)


class ArchiveWriter:
    """Writes members one after the other, constant memory. The manifest is written by `finish`: without it the file is no archive."""

    def __init__(self, file: IO[bytes], manifest: ArchiveManifest) -> None:
        self.manifest = manifest
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)

    def add(self, name: str, pieces: bytes | Iterable[bytes]) -> None:
        """One whole member."""
        with self.open(name) as member:
            for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                member.write(piece)

    def open(self, name: str) -> "ArchiveMember":
        """A member to be written piece by piece, in a `with` block; one at a time."""
        return ArchiveMember(self, name, self._zip.open(name, "w", force_zip64=True))

    def finish(self) -> None:
        """Write the manifest and close."""
        shown = {"format": FORMAT, "version": VERSION, **asdict(self.manifest)}
        self._zip.writestr(MANIFEST, orjson.dumps(shown, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        self._zip.close()


class ArchiveMember:
    """A member being written; its digest is noted when the block ends."""

    def __init__(self, archive: ArchiveWriter, name: str, out: IO[bytes]) -> None:
        self._archive, self._name, self._out = archive, name, out
        self._hash, self._size = hashlib.sha256(), 0

    def write(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._size += len(piece)
        self._out.write(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._out.close()
        self._archive.manifest.members[self._name] = MemberDigest(self._size, self._hash.hexdigest())


class ArchiveReader:
    """An archive that was found whole: every member's size and digest is what the manifest says. Raises ArchiveError."""

    def __init__(self, file: Path | IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
            if len(self._zip.infolist()) > MOST_MEMBERS:
                raise ArchiveError("The archive holds too many files.")
            info = self._zip.getinfo(MANIFEST)
            if info.file_size > MOST_MANIFEST:
                raise ArchiveError("The archive's manifest is too large.")
            self.manifest = _manifest(orjson.loads(self._bounded(MANIFEST, MOST_MANIFEST)))
        except OSError as error:
            raise ArchiveError(f"The archive cannot be read: {error.strerror}.") from None
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, NotImplementedError, RuntimeError, EOFError):
            raise ArchiveError("The file is no archive of Tzurot, or it was cut off: it has no manifest that can be read.") from None

    def check(self) -> None:
        """Read every member and compare its digest. Raises ArchiveError."""
        for name in self.manifest.members:
            for _ in self.pieces(name):
                pass

    def pieces(self, name: str) -> Iterator[bytes]:
        """A member's bytes, some at a time; nothing when there is none. Raises ArchiveError when its digest is another."""
        said = self.manifest.members.get(name)
        if said is None:
            return
        digest, size = hashlib.sha256(), 0
        try:
            with self._zip.open(name) as member:
                while piece := member.read(_BLOCK):
                    digest.update(piece)
                    size += len(piece)
                    if size > said.size:
                        break
                    yield piece
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, OSError, NotImplementedError, RuntimeError, EOFError):
            raise ArchiveError(f"{name} in the archive is damaged.") from None
        if (size, digest.hexdigest()) != (said.size, said.sha256):
            raise ArchiveError(f"{name} in the archive is not what its digest says.")

    def lines(self, name: str) -> Iterator[bytes]:
        """A member's lines. Raises ArchiveError."""
        rest = b""
        for piece in self.pieces(name):
            *whole, rest = (rest + piece).split(b"\n")
            yield from (line for line in whole if line)
            if len(rest) > LONGEST:
                raise ArchiveError(f"{name} in the archive has a line that is too long.")
        if rest:
            yield rest

    def bytes_of(self, name: str, most: int) -> bytes:
        """A whole member of at most so many bytes. Raises ArchiveError."""
        said = self.manifest.members.get(name)
        if said is None or said.size > most:
            raise ArchiveError(f"{name} is not in the archive, or too large.")
        return b"".join(self.pieces(name))

    def close(self) -> None:
        self._zip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bounded(self, name: str, most: int) -> bytes:
        with self._zip.open(name) as member:
            return member.read(most)


def _manifest(tree: Any) -> ArchiveManifest:
    if tree["format"] != FORMAT:
        raise ValueError("another format")
    if tree["version"] != VERSION:
        raise ArchiveError(f"The archive has version {tree['version']!r}; this program reads version {VERSION}.")
    members = {str(name): MemberDigest(int(one["size"]), str(one["sha256"])) for name, one in tree["members"].items()}
    scope = tree["scope"]
    if scope not in ("person", "server", "everything"):
        raise ValueError("another scope")
    counts, left = ({str(name): int(value) for name, value in tree[which].items()} for which in ("counts", "left_out"))
    made_at, opened, master = str(tree["made_at"]), tree["opened"] is True, str(tree["master_key_id"])
    return ArchiveManifest(scope, int(tree["about"]), made_at, opened, int(tree["position"]), master, counts, left, members)
