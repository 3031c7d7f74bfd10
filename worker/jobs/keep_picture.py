"""Fetches a picture on a message and keeps it, sealed: for a model that is shown it, and for prompts that are built again.

What cannot be had is remembered as the job's end, and asked for again only when somebody has the job done again.
"""

import asyncio

from engine import blobs, ids
from engine.blobs import pictures as files
from engine.blobs.pictures import NotAPicture
from engine.decide.job import RetryPolicy, job_id
from engine.events.base import Event, user_subject
from engine.events.message import MessageReceived
from engine.store import Recorded
from projections.models import jobs
from worker.jobs.running import GiveUp, Handler, Result, RunningJob
from worker.senses import pictures
from worker.senses.pictures import Unavailable

NAME = "keep_picture"


async def run(job: RunningJob) -> Result:
    """Fetch it, make it harmless, keep it."""
    _, message, number = await asked(job)
    found = pictures.everything(message, job.work.settings)
    if number not in pictures.visible(found, job.work.settings.discord_api_base):
        raise GiveUp("The message has no such picture.")
    address, _ = await kept(job, found[number].url, message.author_id)
    return {"picture": address}


async def asked(job: RunningJob) -> tuple[Recorded[Event], MessageReceived, int]:
    """The message that a job `MESSAGE:NUMBER` is about, and the picture's number. Raises GiveUp."""
    message_id, number = (int(part) for part in job.about.split(":"))
    recorded = await job.work.log.find(ids.message_event(message_id, "received"))
    message = recorded.event if recorded is not None else None
    gone = await job.work.log.find(ids.message_event(message_id, "deleted"))
    if not isinstance(message, MessageReceived) or recorded is None or recorded.erased or gone is not None:
        raise GiveUp("The message is not there any more.")
    return recorded, message, number


async def kept(job: RunningJob, url: str, author: int) -> tuple[str, bytes]:
    """The picture's address here, and its bytes: as an earlier attempt or another job about it has them, else fetched. Raises GiveUp."""
    log, address = job.work.log, str(job.cursor.get("picture") or "") or await _elsewhere(job)
    if address and (content := await blobs.get(log.pool, log.vault, address)) is not None:
        return address, content
    try:
        picture = await asyncio.to_thread(files.prepared, await pictures.fetch(job.work, url))
    except (NotAPicture, Unavailable) as error:
        raise GiveUp(str(error)) from None
    address = await blobs.put(log.pool, log.vault, picture.content, user_subject(author))
    await job.progress(0, 1, {"picture": address}, now=True)
    return address, picture.content


async def _elsewhere(job: RunningJob) -> str:
    if job.name == NAME:
        return ""
    async with job.work.log.pool.connection() as connection:
        found = await jobs.get(connection, job_id(NAME, job.about))
    return str((found.result or {}).get("picture") or "") if found is not None else ""


HANDLER = Handler(NAME, run, RetryPolicy(attempts=4, first=5.0, longest=900.0), at_once=4)
