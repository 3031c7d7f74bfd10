"""Builds one read model anew beside the serving one and switches to it, saying how far it is."""

import asyncio

from engine.errors import StoreError
from engine.store import connect
from projections.follow import rebuild as rebuilding
from projections.registry import named
from worker.jobs.running import GiveUp, Handler, Result, RunningJob

LOOK_SECONDS = 0.5


async def run(job: RunningJob) -> Result:
    """The read model that `parameters.name` names. What an earlier attempt built is gone on with."""
    try:
        projection = named(str(job.parameters.get("name", "")))
    except KeyError:
        raise GiveUp("There is no read model of that name.") from None
    latest: list[rebuilding.Report] = []
    building = asyncio.create_task(rebuilding.rebuild(job.work.log.dsn, [projection], latest.append))
    try:
        while not building.done():
            await asyncio.wait({building}, timeout=LOOK_SECONDS)
            if latest:
                await job.progress(latest[-1].position, latest[-1].head)
        [report] = building.result()
    except connect.AWAY:
        raise  # the job is taken up again where it was
    except StoreError as error:
        raise GiveUp(str(error)) from None
    finally:
        building.cancel()
    return {"position": report.position, "seconds": round(report.seconds, 1)}


HANDLER = Handler("rebuild", run, at_once=1)
