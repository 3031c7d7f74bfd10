"""Where a model's files are kept, and how: written whole or not at all, and known by their digest."""

import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """TZUROT_CACHE, or the user's cache folder."""
    return Path(os.environ.get("TZUROT_CACHE") or platformdirs.user_cache_dir("tzurot", appauthor=False))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Readable by the owner alone. Concurrent writers replace each other; a reader sees one of them whole."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
