"""Folders have one owner at a time; ports and passwords stay."""

import errno
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.embedded.folder import Busy, EmbeddedError, claim, free_port, kept_port, kept_secret, writable, written

_CLAIM = """
import sys
from pathlib import Path
from engine.embedded import claim

with claim(Path(sys.argv[1])):
    print("mine", flush=True)
    input()
"""


def test_a_claim_holds_until_the_block_ends(tmp_path: Path) -> None:
    """And can be taken again afterwards."""
    lock = tmp_path / "lock"
    for _ in range(2):
        with claim(lock), pytest.raises(Busy) as refused, claim(lock):
            pass
        assert refused.value.pid == os.getpid()


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    """Killed, it leaves the file but no lock; while it lives it is named."""
    lock = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", _CLAIM, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mine\n"
        with pytest.raises(Busy, match=f"Process {holder.pid} already uses {tmp_path}"), claim(lock):
            pass
        holder.kill()
        holder.wait()
    with claim(lock):
        assert lock.read_text() == str(os.getpid())


def test_a_child_does_not_keep_the_claim(tmp_path: Path) -> None:
    """A server that outlives its supervisor for a moment must not lock the next one out."""
    lock = tmp_path / "lock"
    with claim(lock):
        child = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); input()"], stdin=-1, stdout=-1, close_fds=False)
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"  # it runs: the kernel has closed what a new program does not inherit
    with child:
        with claim(lock):
            pass
        child.communicate(b"\n")


def test_a_wanted_port_is_taken_when_it_is_free_and_exchanged_when_not() -> None:
    """Nothing listens on what is returned."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = free_port(port)
        assert other != port
    assert free_port(port) == port


def test_a_port_is_kept_from_start_to_start(tmp_path: Path) -> None:
    """Until something else listens there; a file that holds no number is written anew."""
    file = tmp_path / "port"
    file.write_text("garbage")
    port = kept_port(file)
    assert kept_port(file) == port
    with socket.create_server(("127.0.0.1", port)):
        moved = kept_port(file)
    assert moved != port
    assert int(file.read_text()) == moved


def test_a_password_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Long, and starting with a letter, as NATS reads a variable of digits as a number."""
    file = tmp_path / "password"
    secret = kept_secret(file)
    assert kept_secret(file) == secret
    assert secret[0].isalpha()
    assert len(secret) >= 48
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_new_folder_is_private(tmp_path: Path) -> None:
    """An old one keeps its mode; nothing is left of the probe."""
    assert stat.S_IMODE(writable(tmp_path / "new" / "data").stat().st_mode) == 0o700
    (tmp_path / "old").mkdir(mode=0o755)
    assert stat.S_IMODE(writable(tmp_path / "old").stat().st_mode) == 0o755
    assert list((tmp_path / "old").iterdir()) == []


def test_a_folder_that_cannot_be_is_named_with_the_reason(tmp_path: Path) -> None:
    """One sentence that says what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match=rf"{tmp_path}/file/data cannot be written \(.+\)\. Make it writable, or choose another"):
        writable(tmp_path / "file" / "data")


@pytest.mark.parametrize("left", [b"", b"\n", b"p12", b"p" + b"0" * 47, b"\x00" * 49, b"p" + b"g" * 48, b"\xff\xfe"])
def test_half_a_password_is_never_believed(tmp_path: Path, left: bytes) -> None:
    """It is made anew, in one piece; where a database was made with the one of before, that is said instead."""
    file = tmp_path / "postgres.password"
    file.write_bytes(left)
    with pytest.raises(EmbeddedError, match=r"postgres\.password is empty or damaged"):
        kept_secret(file, needed=True)
    assert file.read_bytes() == left
    made = kept_secret(file)
    assert kept_secret(file, needed=True) == made == file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_lost_password_of_a_database_is_said(tmp_path: Path) -> None:
    """A new one would open nothing."""
    with pytest.raises(EmbeddedError, match="is missing"):
        kept_secret(tmp_path / "postgres.password", needed=True)


def test_no_room_on_the_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing half-written stays, so that the file of before is whole."""
    file = tmp_path / "port"
    file.write_text("5432")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EmbeddedError, match="no room on the disk"):
        written(file, "1")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"port": "5432"}
