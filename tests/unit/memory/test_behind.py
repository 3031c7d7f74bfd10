"""What nobody waits for is embedded in a thread of its own that gives way."""

import os
import sys
import threading

import pytest

from worker.memory.behind import NICENESS, behind


async def test_only_that_thread_gives_way() -> None:
    def where() -> tuple[int, int]:
        own = threading.get_native_id()
        return own, os.getpriority(os.PRIO_PROCESS, own)

    before = where()
    (one, weight), (again, _) = await behind(where), await behind(where)
    assert one == again != before[0]
    assert weight == (max(before[1], NICENESS) if sys.platform == "linux" else before[1])
    assert where() == before


async def test_what_it_raises_is_raised() -> None:
    def wrong() -> None:
        raise LookupError("there is none")

    with pytest.raises(LookupError):
        await behind(wrong)
