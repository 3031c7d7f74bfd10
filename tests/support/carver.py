"""Recovers destroyed keys from a server's files, as somebody would who has a copy of the disk and the master keys."""

from collections.abc import Iterable
from pathlib import Path

from engine.errors import WrongKey
from engine.sealing import KEY_BYTES, NONCE_BYTES
from engine.vault import MasterKey, unwrap

_LENGTH = NONCE_BYTES + KEY_BYTES + 16
_REACH = 24
"""A row holds the key's name and a few bytes later the wrapped key."""


def recover(folder: Path, masters: Iterable[MasterKey], names: Iterable[str]) -> list[str]:
    """Where a key of one of these names can be had: in any file of the folder, at any offset near its name."""
    wanted, keys = [name.encode() for name in names], list(masters)
    found = []
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            found += [f"{file.relative_to(folder)}@{at}" for name in wanted for at in _places(content, name, keys)]
    return found


def _places(content: bytes, name: bytes, masters: list[MasterKey]) -> list[int]:
    found, at = [], content.find(name)
    while at >= 0:
        end = at + len(name)
        found += [start for start in range(end, end + _REACH) if _opens(content[start : start + _LENGTH], name.decode(), masters)]
        at = content.find(name, end)
    return found


def _opens(wrapped: bytes, name: str, masters: list[MasterKey]) -> bool:
    for master in masters:
        try:
            unwrap(master, name, wrapped)
        except (WrongKey, ValueError):
            continue
        return True
    return False
