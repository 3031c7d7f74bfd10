"""Files that people hand over for a job: kept sealed until it is done, asked for once."""

import asyncio
from io import BytesIO
from uuid import UUID

from pydantic import JsonValue

from engine import blobs, ids
from engine.actor import Actor
from engine.decide.job import Again, Ask, job_id
from engine.decide.rejected import Rejected
from engine.events.base import user_subject
from engine.execute import execute
from engine.store import Log
from projections.models import jobs

PART = 8 * 1024 * 1024


async def ask(log: Log, actor: Actor, name: str, raw: bytes, host: UUID) -> UUID:
    """Have a file taken in for this character by a job of that name; returns its id. The same file again is the same job.

    One that was called off or given up goes on. Raises Rejected for an empty file.
    """
    subject = user_subject(actor.user_id)
    digest = await asyncio.to_thread((await log.vault.key(subject)).digest, raw)
    about = f"{actor.user_id}:{host}:{digest}"
    job = job_id(name, about)
    async with log.pool.connection() as connection:
        known = await jobs.get(connection, job)
    if not raw:
        raise Rejected("The file is empty.")
    if known is not None and (known.status == "completed" or not known.over):
        return job
    parts = [await blobs.put(log.pool, log.vault, raw[at : at + PART], subject) for at in range(0, len(raw), PART)]
    command = Ask(job, name, about, {"parts": [*parts], "character": str(host)}) if known is None else Again(job)
    await execute(log, actor, command, ids.derived(name.replace("_", "-"), job, known.position if known else 0), see=("jobs",))
    return job


async def fetch(log: Log, parts: JsonValue) -> bytes | None:
    """The file of a job by its parameter `parts`; None when it is not there any more."""
    whole = BytesIO()  # part by part: to join them at once would keep everybody waiting
    for address in _addresses(parts):
        if (part := await blobs.get(log.pool, log.vault, address)) is None:
            return None
        whole.write(part)
    return whole.getvalue() or None


async def drop(log: Log, parts: JsonValue) -> None:
    """Remove the file of a job that is done."""
    for address in _addresses(parts):
        await blobs.delete(log.pool, address)


def _addresses(parts: JsonValue) -> list[str]:
    return [str(part) for part in parts] if isinstance(parts, list) else []
