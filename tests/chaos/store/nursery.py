"""Where R13's victims come from: `python -m tests.chaos.store.nursery DSN`. For each line read (a failpoint, or nothing) it forks a process
that keeps the read models, says its number, and says so when it has ended. Forked, not started: a start costs more than what is tested.
"""

import asyncio
import ctypes
import os
import signal
import sys
from contextlib import suppress

from engine import failpoints
from projections.follow import group_runner
from projections.registry import ALL

PR_SET_PDEATHSIG = 1


def main(dsn: str) -> None:
    """Until standard input ends."""
    _end_with_parent()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _end_with_parent()
            failpoints._active = {point.name: point for point in failpoints.parse(line.strip())}  # the environment was read before
            with suppress(Exception):
                asyncio.run(group_runner.run(dsn, ALL))
            os._exit(1)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("ended", flush=True)


def _end_with_parent() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
