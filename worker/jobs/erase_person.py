"""Erases a person who asked for it: done again until it is done, whoever dies meanwhile."""

from engine import erasure
from projections.archive import exports
from worker.jobs.running import Handler, Result, RunningJob


async def run(job: RunningJob) -> Result:
    """Erase; a repeat finds nothing left and is harmless."""
    done = await erasure.erase(job.work.log, job.asked_by, job.asked_by, job.work.settings.tzurot_data)
    return {"events": done.events, "rows": sum(done.deleted.values()), "still_in": len(done.still_in)}


HANDLER = Handler(exports.ERASE, run, at_once=1)
