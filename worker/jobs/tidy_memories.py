"""Removes, once an hour, what was computed of texts that were deleted or forgotten, and puts aside what is beyond MEMORY_MOST (D8)."""

from contextlib import suppress

from engine import ids
from engine.decide.rejected import Rejected
from engine.decide.remembering.memory import ArchiveMemory
from engine.execute import execute
from projections.models.memories import memory_embeddings, noted
from worker.jobs.running import SYSTEM, Handler, Result, RunningJob, hours

NAME = "tidy_memories"
AT_ONCE = 2_000
"""Notes that one run puts aside at most; the next goes on."""


async def run(job: RunningJob) -> Result:
    """Do both. A second attempt at the same job puts nothing aside twice."""
    work, put_aside = job.work, 0
    async with work.log.pool.connection() as connection:
        removed = await memory_embeddings.tidy(connection)
        surplus = await noted.beyond(connection, work.settings.memory_most, limit=AT_ONCE)
    for done, memory in enumerate(surplus, start=1):
        with suppress(Rejected):  # it was forgotten meanwhile
            put_aside += len((await execute(work.log, SYSTEM, ArchiveMemory(memory), ids.derived("archived", job.id, memory))).events)
        await job.progress(done, len(surplus), now=done == len(surplus))
    return {"removed": removed, "put_aside": put_aside}


HANDLER = Handler(NAME, run, every=hours(1))
