"""Connects a provider of models for the console: what it found out is sealed, as addresses and models are the operator's business."""

from contextlib import suppress
from uuid import UUID

from pydantic import JsonValue

from engine.actor import operator
from engine.decide.job import RetryPolicy
from engine.decide.rejected import Rejected
from projections.models.keys import NoSuchKey
from worker import connect
from worker.jobs import catalogue
from worker.jobs.running import Handler, JobResult, RunningJob
from worker.providers.failure import ProviderFailed


async def run(job: RunningJob) -> JobResult:
    """Try and connect. That it could not be done is a result, too: trying again by itself would not help."""
    wanted = {name: str(job.personal.get(name) or "") for name in ("address", "model")}
    key = job.parameters.get("key_id")
    try:
        key_id = UUID(str(key)) if key else None
        found = await connect.connect(job.work, operator(job.asked_by), wanted["address"], key_id, wanted["model"])
    except (Rejected, NoSuchKey) as no:
        found = connect.ConnectionTry(str(no))
    if found.model:
        with suppress(ProviderFailed):  # who has no list of models answers all the same
            await catalogue.refresh(job.work)
    models: list[JsonValue] = [*found.models]
    return JobResult({"connected": bool(found.model)}, personal={"sentence": found.sentence, "model": found.model, "models": models})


async def look(job: RunningJob) -> JobResult:
    """Look for programs on this machine that offer models."""
    found = await connect.nearby(job.work.http)
    shown: list[JsonValue] = [{"name": one.name, "address": one.base_url, "models": [*one.models]} for one in found]
    return JobResult({"found": len(found)}, personal={"nearby": shown})


HANDLER = Handler("connect_provider", run, RetryPolicy(attempts=1), at_once=1)
NEARBY = Handler("nearby_providers", look, RetryPolicy(attempts=1), at_once=1)
