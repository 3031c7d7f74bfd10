"""Has the pictures of the message that a turn answers described, before its prompt is made."""

import asyncio

from engine import clock, ids
from engine.actor import person
from engine.events.message import MessageReceived
from projections.follow import runner
from projections.models import jobs
from projections.models.turns import Turn
from worker.jobs import describe_image
from worker.jobs.keep import ask
from worker.senses import pictures
from worker.work import Work

MOST = 4
"""Pictures of one message that are looked at."""
PATIENCE_SECONDS = 30.0
"""How long an answer waits for descriptions; one that comes later is there for the next answer."""
LOOK_SECONDS = 0.1


async def described(work: Work, turn: Turn, deleted: asyncio.Event) -> None:
    """Ask for what is not described yet and wait until it is, until it failed once, or not for ever."""
    recorded = await work.log.find(ids.message_event(turn.message_id, "received"))
    message = recorded.event if recorded is not None and not recorded.erased else None
    if not isinstance(message, MessageReceived):
        return
    numbers = pictures.visible(pictures.files(message), work.settings.discord_api_base)[:MOST]
    if not numbers or await pictures.model(work) is None:
        return
    names = [describe_image.about(message.message_id, number) for number in numbers]
    asked = [await ask(work.log, describe_image.NAME, about, by=person(message.author_id)) for about in names]
    work.bell.set()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while not deleted.is_set() and clock.monotonic() < deadline:
        async with work.log.pool.connection() as connection:
            found = [await jobs.get(connection, job) for job in asked]
        if all(job is not None and (job.over or job.failures or job.retry_at is not None) for job in found):
            break
        await asyncio.sleep(LOOK_SECONDS)
    await runner.wait_for(work.log.pool, ("pictures",), await work.log.head(), seconds=5.0)
