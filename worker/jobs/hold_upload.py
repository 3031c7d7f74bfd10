"""Holds a file that somebody gave to be looked at: there is nothing to do but to say so; its parts go after a day."""

from projections.archive import uploads
from worker.jobs.running import Handler, Result, RunningJob


async def run(job: RunningJob) -> Result:
    """Say how many parts are held."""
    parts = job.parameters.get("parts")
    return {"parts": len(parts) if isinstance(parts, list) else 0}


HANDLER = Handler(uploads.HOLD, run)
