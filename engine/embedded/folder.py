"""Folders with one owner at a time, and ports that stay the same from start to start."""

import errno
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
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
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise EmbeddedError(
            f"The folder {folder} cannot be written ({reason}). Make it writable, or choose another with TZUROT_DATA."
        ) from error
    return folder


@contextmanager
def claim(file: Path) -> Iterator[None]:
    """Hold the lock file for this process until the block ends. The kernel lets go of it when the process dies.

    Raises Busy when another process holds it.
    """
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
    port = free_port(wanted)
    if port != wanted:
        file.write_text(str(port))
    return port


def kept_secret(file: Path) -> str:
    """The password in the file, made at the first call: 192 random bits, readable by the owner only."""
    try:
        return file.read_text()
    except FileNotFoundError:
        # A letter first: NATS reads a variable of digits as a number.
        secret = "p" + secrets.token_hex(24)
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as out:
            out.write(secret)
        return secret
