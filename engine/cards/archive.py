"""Zip archives from outside (CHARX, BYAF): looked into in memory, never unpacked to a disk, refused for every trick. Pure."""

import stat
import struct
import zipfile
import zlib
from io import BytesIO

from engine.cards.refusal import Unreadable

MOST_FILES = 2_000
MOST_DIRECTORY = 512 * 1024
"""Bytes of an archive's list of contents."""
MOST_UNPACKED = 64 * 1024 * 1024
MOST_FILE = 10 * 1024 * 1024
"""Bytes of one file in it: what is kept as a blob."""
_END, _END_SIZE = b"PK\x05\x06", 22
_UNIX = 3


class Archive:
    """An archive whose list of contents was judged. Files are unpacked one at a time, as they are asked for."""

    def __init__(self, raw: bytes) -> None:
        """Look at the list of contents. Raises Unreadable."""
        _look_at_end(raw)
        try:
            self._zip = zipfile.ZipFile(BytesIO(raw))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error, IndexError, UnicodeDecodeError):
            raise Unreadable("The archive is damaged. Download it again.") from None
        found = self._zip.infolist()
        if len(found) > MOST_FILES:
            raise Unreadable(f"The archive holds {len(found):,} files; a card may have {MOST_FILES:,}.")
        for info in found:
            _judge(info)
        if sum(info.file_size for info in found) > MOST_UNPACKED:
            raise Unreadable(f"The archive is larger than {MOST_UNPACKED // 2**20} MB when unpacked.")
        self.sizes = {info.filename: info.file_size for info in found if not info.is_dir()}
        """Name of each file to its size in bytes."""
        if len(self.sizes) < sum(not info.is_dir() for info in found):
            raise Unreadable("The archive holds two files of one name.")

    def read(self, name: str, most: int = MOST_FILE) -> bytes:
        """The content of a file. KeyError when there is none. Raises Unreadable when it is larger than `most` or damaged."""
        if self.sizes[name] > most:
            raise Unreadable(f"{name[:80]!r} in the archive is larger than {most // 2**20} MB.")
        try:
            with self._zip.open(name) as file:
                content = file.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError, struct.error):
            raise Unreadable(f"The archive is damaged: {name[:80]!r} cannot be unpacked.") from None
        if len(content) > most:
            raise Unreadable(f"{name[:80]!r} in the archive is larger than {most // 2**20} MB.")
        return content


def is_archive(raw: bytes) -> bool:
    """Whether it is a zip, or a picture with a zip glued to its end."""
    return raw.startswith((b"PK\x03\x04", _END)) or (raw.startswith(b"\xff\xd8\xff") and _END in raw[-66_000:])


def _look_at_end(raw: bytes) -> None:
    """Read the counts before a parser makes an object for each file."""
    at = raw.rfind(_END, max(0, len(raw) - 65_557))
    if at < 0 or at + _END_SIZE > len(raw):
        raise Unreadable("The archive ends in the middle. Download it again.")
    count, size = struct.unpack_from("<H", raw, at + 10)[0], struct.unpack_from("<I", raw, at + 12)[0]
    if count > MOST_FILES or size > MOST_DIRECTORY:
        raise Unreadable(f"The archive holds more than {MOST_FILES:,} files; no card needs them.")


def _judge(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    parts = name.replace("\\", "/").split("/")
    if not name or "\x00" in name or name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":"):
        raise Unreadable("The archive holds a file whose name leads out of it. It was not opened.")
    if info.create_system == _UNIX and stat.S_ISLNK(info.external_attr >> 16):
        raise Unreadable("The archive holds a link to another file. It was not opened.")
    if info.flag_bits & 1:
        raise Unreadable("The archive is encrypted.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unreadable("The archive is packed in a way that cards are not.")
