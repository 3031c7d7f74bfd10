"""Folders with one owner at a time, and ports that stay the same from start to start."""

import errno
import fcntl
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.errors import TzurotError


class EmbeddedError(TzurotError):
    """An embedded server cannot run; the sentence says why and what to do."""


class Busy(EmbeddedError):
    """Another process holds the folder; `pid` is its process id, 0 when it is not known."""

    def __init__(self, folder: Path, pid: int) -> None:
        self.pid = pid
        holder = f"Process {pid}" if pid else "Another process"
        super().__init__(f"{holder} already uses {folder}. Stop it, or choose another data folder with TZUROT_DATA.")


def writable(folder: Path, mode: int = 0o700) -> Path:
    """Make the folder with this mode if it is missing, and make sure this process may write in it.

    Raises EmbeddedError with one sentence when it cannot be.
    """
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            probe.write_bytes(bytes(4096))  # on a full disk an empty file can still be made
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"The folder {folder} cannot be written ({why(error)}). Make it writable, or choose another with TZUROT_DATA."
        ) from error
    return folder


@contextmanager
def claim(file: Path) -> Iterator[None]:
    """Hold the lock file for this process until the block ends. The kernel lets go of it when the process dies.

    Raises Busy when another process holds it.
    """
    try:
        fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedError(
            f"{file} cannot be written ({why(error)}). Make it writable, or choose another folder with TZUROT_DATA."
        ) from None
    try:
        _lock(fd, file.parent)
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, folder: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            raise EmbeddedError(f"The folder {folder} cannot be locked ({error.strerror}); it must lie on a local disk.") from error
        held_by = os.pread(fd, 32, 0)
        raise Busy(folder, int(held_by) if held_by.isdigit() else 0) from None


def free_port(wanted: int = 0) -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now: the wanted one, or any when that is taken or 0."""
    for candidate in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmbeddedError("No free TCP port on 127.0.0.1. End programs that hold many connections, then try again.")


def kept_port(file: Path) -> int:
    """The port of the last start when it is still free, else a new one, which is written to the file."""
    try:
        wanted = int(file.read_text())
    except (OSError, ValueError):
        wanted = 0
    port = free_port(wanted if 0 <= wanted < 65_536 else 0)
    if port != wanted:
        written(file, str(port))
    return port


_SECRET = re.compile(r"p[0-9a-f]{48}")


def kept_secret(file: Path, *, needed: bool = False) -> str:
    """The password in the file, made at the first call: 192 random bits, readable by the owner only.

    One that is empty or cut off is made anew. Raises EmbeddedError when it is `needed`: something was made with the one of before.
    """
    try:
        return read_secret(file)
    except FileNotFoundError:
        problem = "is missing"
    except ValueError:
        problem = "is empty or damaged"
    except OSError as error:
        raise EmbeddedError(f"{file} cannot be read ({error.strerror}). Make it readable for the user who starts Tzurot.") from None
    if needed:
        raise EmbeddedError(
            f"{file} {problem}, and the database beside it was made with it. Put the file back from a copy of the data folder."
        )
    # A letter first: NATS reads a variable of digits as a number.
    written(file, "p" + secrets.token_hex(24))
    return read_secret(file)


def read_secret(file: Path) -> str:
    """The password in a file of kept_secret. Raises OSError, and ValueError when the file does not hold a whole one."""
    found = file.read_text(encoding="ascii", errors="replace").strip()
    if not _SECRET.fullmatch(found):
        raise ValueError("no whole password")
    return found


def written(file: Path, content: str, mode: int = 0o600) -> None:
    """Write a small file beside its place and move it there, on disk before this returns: it is whole or as it was.

    Raises EmbeddedError.
    """
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
        descriptor = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise EmbeddedError(f"{file} cannot be written: {why(error)}.") from None


def why(error: OSError) -> str:
    """The reason in words, with what to do where that is known."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return "there is no room on the disk; free some"
    if error.errno == errno.EROFS:
        return "it lies on a file system that is read-only; choose another data folder with TZUROT_DATA"
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__
