"""Removes, once an hour, what was computed of texts that were deleted or forgotten."""

from projections.models.memories import memory_embeddings
from worker.jobs.running import Handler, Result, RunningJob, hours

NAME = "tidy_memories"


async def run(job: RunningJob) -> Result:
    """Remove them."""
    async with job.work.log.pool.connection() as connection:
        return {"removed": await memory_embeddings.tidy(connection)}


HANDLER = Handler(NAME, run, every=hours(1))
