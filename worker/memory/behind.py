"""Works in a thread that gives way to everything else on the machine: for what nobody waits for and takes a processor for seconds."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

NICENESS = 10
"""Of that thread: beside one that somebody waits for it gets a tenth of a processor, alone all of it."""


def _give_way() -> None:
    """Lower the weight of the calling thread alone, as Linux counts it; elsewhere the number would be a process's."""
    if sys.platform == "linux":
        own = threading.get_native_id()
        with suppress(OSError):  # where that is forbidden it works as any other
            os.setpriority(os.PRIO_PROCESS, own, max(os.getpriority(os.PRIO_PROCESS, own), NICENESS))


_THREAD = ThreadPoolExecutor(1, thread_name_prefix="behind", initializer=_give_way)


async def behind[T](work: Callable[[], T]) -> T:
    """What `work` returns, which must hold the interpreter's lock for moments only: who holds it and has to wait holds up the process."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)
