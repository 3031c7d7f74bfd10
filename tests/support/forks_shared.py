"""One process that children come from for all processes of a run of the suite: each of their own would import everything once more."""

import fcntl
import json
import os
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any
from unittest import mock

RUN = "PYTEST_SHARED_CLUSTER"
"""Environment: the folder of the run, as in `clusters`."""
_server: Any = vars(forkserver)["_forkserver"]  # no public name


def join() -> None:
    """Have the children of this process come from the run's. The first who asks starts it; it ends with the last of them."""
    if RUN not in os.environ or _known():
        return
    folder = Path(os.environ[RUN])
    with (folder / "forks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _known() and not _joined(folder / "forks"):
            _begin(folder)


def _known() -> bool:
    """Also in a child of it."""
    return _server._forkserver_address is not None


def _joined(told: Path) -> bool:
    """Hold the pipe that keeps it alive. False where nobody who holds it is left, or none can be asked for it (no /proc)."""
    try:
        address, holder = json.loads(told.read_text())
        alive = os.open(holder, os.O_WRONLY)
    except OSError:
        return False
    _server._forkserver_address, _server._forkserver_alive_fd = address, alive
    _server.ensure_running = lambda: None  # it runs while the pipe is held; asking would begin another
    return True


def _begin(folder: Path) -> None:
    """Where the others find it: the usual place goes with the process that began it."""
    address = str(folder / f"forks-{os.getpid()}")
    with mock.patch.object(connection, "arbitrary_address", return_value=address):
        _server.ensure_running()
    (folder / "forks").write_text(json.dumps([address, f"/proc/{os.getpid()}/fd/{_server._forkserver_alive_fd}"]))
