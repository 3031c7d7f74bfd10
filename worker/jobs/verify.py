"""Compares every read model with a fold of the log from zero."""

from engine.errors import StoreError
from engine.store import connect
from projections.follow.verify import verify
from projections.registry import ALL
from worker.jobs.running import GiveUp, Handler, Result, RunningJob


async def run(job: RunningJob) -> Result:
    """One read model after the other; what an earlier attempt has compared is not compared again. Changes nothing."""
    different = list(_names(job.cursor.get("different")))
    for number, projection in enumerate(ALL):
        if number < job.done:
            continue
        try:
            [verdict] = await verify(job.work.log.dsn, [projection])
        except connect.AWAY:
            raise  # the job is taken up again where it was
        except StoreError as error:
            raise GiveUp(f"{projection.name}: {error}") from None
        if not verdict.equal:
            different.append(projection.name)
        await job.progress(number + 1, len(ALL), {"different": list(different)}, now=True)
    return {"compared": len(ALL), "different": list(different)}


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


HANDLER = Handler("verify", run)
