"""Waiting for the jobs an answer would rather have behind it."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from engine import clock
from projections.models import jobs
from projections.models.jobs import Job
from worker.work import Work

PATIENCE_SECONDS = 30.0
"""How long an answer waits for pictures, descriptions and transcripts; one that comes later is there for the next answer."""
LOOK_SECONDS = 0.1


async def ended(work: Work, asked: Sequence[UUID], deleted: asyncio.Event) -> list[Job | None]:
    """The jobs, once each is over or failed once; as they are when the message is deleted or patience ends."""
    work.bell.set()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while True:
        async with work.log.pool.connection() as connection:
            found = [await jobs.get(connection, job) for job in asked]
        if all(job is not None and (job.over or job.failures or job.retry_at is not None) for job in found):
            return found
        if deleted.is_set() or clock.monotonic() >= deadline:
            return found
        await asyncio.sleep(LOOK_SECONDS)
