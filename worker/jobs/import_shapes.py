"""Imports the memories and the conversation of a shapes.inc backup: in order, each once, also when workers die in the middle."""

import asyncio
from dataclasses import asdict
from uuid import UUID

from engine import blobs, ids
from engine.blobs import pictures
from engine.blobs.pictures import NotAPicture
from engine.cards.refusal import Unreadable
from engine.decide import character
from engine.decide.rejected import Rejected
from engine.events.base import user_subject
from engine.execute import execute
from engine.resources.craft.tools import Unusable
from engine.shapes.backup import read_backup, unzipped
from engine.shapes.mapping import ShapesPlan, planned
from projections.archive import shapes, uploads
from projections.archive.shapes import ShapesCounts
from worker.jobs.import_chats import TOLD, asker
from worker.jobs.running import GiveUp, Handler, Result, RunningJob
from worker.providers.failure import ProviderFailed
from worker.tools import web


async def run(job: RunningJob) -> Result:
    """Read, go on where an earlier attempt was, store. Of `records`: imported + repeated + skipped = records.

    What an attempt stored after it last told its progress counts as repeated to the next one.
    """
    log, parts = job.work.log, job.parameters.get("parts")
    raw = await uploads.fetch(log, parts)
    if raw is None:
        raise GiveUp("The file is not there any more.")
    try:
        plan = await asyncio.to_thread(_read, raw)
    except Unreadable as error:
        raise GiveUp(str(error)) from None
    del raw

    async def told(done: int, total: int, counts: ShapesCounts) -> None:
        await job.progress(done, total, asdict(counts))

    host, before = UUID(str(job.parameters["character"])), shapes.counted(job.cursor)
    taken = await shapes.take(log, asker(job), plan, host, start=job.done, before=before, told=told)
    await job.progress(whole := len(plan.memories) + len(plan.chat.lines), whole, asdict(taken), now=True)
    notes = [*plan.chat.bad[:TOLD], *await _picture(job, plan, host)]
    await uploads.drop(log, parts)
    skipped = {name.replace(" ", "_"): count for name, count in plan.skipped.items()}
    return asdict(taken) | {
        "records": plan.records,
        "skipped": skipped,
        "bad": len(plan.chat.bad),
        "told": [*notes],
    }


async def _picture(job: RunningJob, plan: ShapesPlan, host: UUID) -> list[str]:
    """Keep the shape's picture as the character's, where its address can be reached and it has none; else what became of it."""
    url, log = plan.character.get("avatar_url"), job.work.log
    if not isinstance(url, str) or not url:
        return []
    try:
        made = await asyncio.to_thread(pictures.prepared, await web.picture(job.work, url))
        address = await blobs.put(log.pool, log.vault, made.content, user_subject(job.asked_by))
        edit = character.Edit(host, {"avatar": address}, {"avatar": ""})
        await execute(log, asker(job), edit, ids.derived("shapes-avatar", job.id))
    except (Unusable, NotAPicture, ProviderFailed, Rejected) as error:
        why = str(error) if not isinstance(error, ProviderFailed) else "It cannot be reached."
        return [f"The picture stays at its address: {why}"]
    return []


def _read(raw: bytes) -> ShapesPlan:
    return planned(read_backup(unzipped(raw)))


HANDLER = Handler(shapes.IMPORT, run, at_once=1)
