"""Who was erased when, in a file beside the database: a restored backup of before must not bring their words back. Holds ids only."""

import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson

from engine.vault import sync_folder

NAME = "erasures.jsonl"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A person was erased at `at` (ISO 8601, UTC)."""

    user_id: int
    requested_by: int
    at: str

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)


def record(folder: Path, tombstone: Tombstone) -> None:
    """Add one, on disk before this returns. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    line = orjson.dumps(asdict(tombstone), option=orjson.OPT_APPEND_NEWLINE)
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(folder)


def read(folder: Path) -> list[Tombstone]:
    """All of them in their order. A line that a crash cut off is left out. Raises OSError."""
    file = folder / NAME
    found = []
    for line in file.read_bytes().splitlines() if file.exists() else ():
        try:
            found.append(Tombstone(**orjson.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def since(folder: Path, moment: datetime) -> list[Tombstone]:
    """Those of after a moment, one per person."""
    return list({t.user_id: t for t in read(folder) if t.moment >= moment}.values())
