"""Imports the memories and the conversation of a shapes.inc backup: in order, each once, also when workers die in the middle."""

import asyncio
from dataclasses import asdict
from uuid import UUID

from engine.cards.refusal import Unreadable
from engine.shapes.backup import read_backup, unzipped
from engine.shapes.mapping import ShapesPlan, planned
from engine.shapes.senders import Choices, taken, unpacked
from projections.archive import shapes, uploads
from projections.archive.shapes import ShapesCounts
from worker.jobs import fetch_avatar
from worker.jobs.import_chats import TOLD, asker
from worker.jobs.running import GiveUp, Handler, Result, RunningJob


async def run(job: RunningJob) -> Result:
    """Read, go on where an earlier attempt was, store. Of `records`: imported + repeated + skipped = records.

    What an attempt stored after it last told its progress counts as repeated to the next one.
    """
    log, parts, choices = job.work.log, job.parameters.get("parts"), unpacked(job.personal.get("senders"))
    raw = await uploads.fetch(log, parts)
    if raw is None:
        raise GiveUp("The file is not there any more.")
    try:
        plan = await asyncio.to_thread(_read, raw, choices)
    except Unreadable as error:
        raise GiveUp(str(error)) from None
    del raw

    async def told(done: int, total: int, counts: ShapesCounts) -> None:
        await job.progress(done, total, asdict(counts))

    host, before = UUID(str(job.parameters["character"])), shapes.counted(job.cursor)
    counts = await shapes.take(log, asker(job), plan, host, choices=choices, start=job.done, before=before, told=told)
    await job.progress(whole := len(plan.memories) + len(plan.chat.lines), whole, asdict(counts), now=True)
    why = await fetch_avatar.fetched(job, plan.character.get("avatar_url"), host)
    notes = [*plan.chat.bad[:TOLD], *([why] if why else [])]
    await uploads.drop(log, parts)
    skipped = {name.replace(" ", "_"): count for name, count in plan.skipped.items()}
    return asdict(counts) | {
        "records": plan.records,
        "skipped": skipped,
        "bad": len(plan.chat.bad),
        "told": [*notes],
    }


def _read(raw: bytes, choices: Choices) -> ShapesPlan:
    return taken(planned(read_backup(unzipped(raw))), choices)


HANDLER = Handler(shapes.IMPORT, run, at_once=1)
