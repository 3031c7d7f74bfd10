"""Fetches the picture of a character from the address that its file names, and keeps it as the character's."""

import asyncio
from uuid import UUID

from engine import blobs, ids
from engine.blobs import pictures
from engine.blobs.pictures import NotAPicture
from engine.decide import character
from engine.decide.rejected import Rejected
from engine.events.base import user_subject
from engine.execute import execute
from engine.resources.craft.tools import Unusable
from projections.archive import shapes
from worker.jobs.import_chats import asker
from worker.jobs.running import GiveUp, Handler, Result, RunningJob
from worker.providers.failure import ProviderFailed
from worker.tools import web


async def run(job: RunningJob) -> Result:
    """Fetch it; what became of it where it cannot be had."""
    if (why := await fetched(job, job.personal.get("url"), UUID(str(job.parameters["character"])))) is not None:
        raise GiveUp(why)
    return {}


async def fetched(job: RunningJob, url: object, host: UUID) -> str | None:
    """Keep a picture as the character's, where its address can be reached and it has none; else what became of it."""
    log = job.work.log
    if not isinstance(url, str) or not url:
        return None
    try:
        made = await asyncio.to_thread(pictures.prepared, await web.picture(job.work, url))
        address = await blobs.put(log.pool, log.vault, made.content, user_subject(job.asked_by))
        edit = character.Edit(host, {"avatar": address}, {"avatar": ""})
        await execute(log, asker(job), edit, ids.derived("shapes-avatar", job.id))
    except (Unusable, NotAPicture, ProviderFailed, Rejected) as error:
        why = str(error) if not isinstance(error, ProviderFailed) else "It cannot be reached."
        return f"The picture stays at its address: {why}"
    return None


HANDLER = Handler(shapes.AVATAR, run, at_once=1)
