"""Makes the archive of everything a person owns or said, kept sealed for a day; removes what is kept for a day once it is over."""

import tempfile

from engine import clock
from engine.decide.job import RetryPolicy
from engine.store import replica
from projections.archive import exports, uploads
from projections.archive.person import make_person
from worker.jobs.running import GiveUp, Handler, Result, RunningJob, hours

MOST_BYTES = 512 * 1024 * 1024


async def run(job: RunningJob) -> Result:
    """Make it from the beginning at each attempt: half an archive is none. `parts` are the addresses of its files."""
    person = job.asked_by
    with tempfile.TemporaryFile() as file:  # without a name: nobody else can open it, and it goes with this process
        async with replica.reading(job.work.log, job.work.settings.database_read_url) as source:
            manifest = await make_person(source, file, person, job.progress)
        size = file.tell()
        if size > MOST_BYTES:
            raise GiveUp("The archive is too large to be kept here. The bot's owner can make it: tzurot export person.")
        file.seek(0)
        parts = await exports.keep(job.work.log, person, file.read())
    return {"bytes": size, "parts": [*parts], "counts": {**manifest.counts}, "left_out": {**manifest.left_out}}


async def expire(job: RunningJob) -> Result:
    """Remove what can be fetched no more."""
    now = clock.now()
    return {"removed": await exports.expire(job.work.log, now), "uploads": await uploads.expire(job.work.log, now)}


HANDLER = Handler(exports.EXPORT, run, RetryPolicy(attempts=3), at_once=1)
EXPIRE = Handler(exports.EXPIRE, expire, every=hours(1))
