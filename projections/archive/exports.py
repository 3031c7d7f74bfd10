"""Exports and erasures that people ask for: jobs about one person, and the sealed files an export leaves for a while."""

from datetime import datetime, timedelta
from uuid import UUID

from engine import blobs, clock
from engine.actor import Actor, person
from engine.decide.job import Ask, job_id
from engine.events.base import user_subject
from engine.execute import execute
from engine.store import Log
from projections.models import jobs
from projections.models.jobs import Job

EXPORT, ERASE, EXPIRE = "export_person", "erase_person", "expire_exports"
KEPT = timedelta(hours=24)
"""How long a finished export can be fetched."""
SAME = timedelta(minutes=10)
"""Whoever asks again within this gets the one that is there."""
PART = 8 * 1024 * 1024
LOOKED_AT = 1_000


async def newest(log: Log, name: str, user_id: int) -> Job | None:
    """A person's newest job of this name."""
    async with log.pool.connection() as connection:
        found = await jobs.recent(connection, name=name, limit=LOOKED_AT)
    return next((job for job in found if job.asked_by == user_id), None)


async def ask(log: Log, name: str, actor: Actor) -> UUID:
    """Ask for a person's own export or erasure, for themselves; the one that is under way or has just been made is taken instead."""
    now, known = clock.now(), await newest(log, name, actor.user_id)
    if known is not None and (not known.over or (name == EXPORT and known.status == "completed" and now - known.requested_at < SAME)):
        return known.job
    about = f"{actor.user_id}:{int(now.timestamp() * 1000)}"
    job = job_id(name, about)
    await execute(log, person(actor.user_id), Ask(job, name, about), job, see=("jobs",))
    return job


async def keep(log: Log, user_id: int, content: bytes) -> list[str]:
    """Keep an export as sealed files; returns their addresses in order."""
    subject, parts = user_subject(user_id), range(0, len(content), PART)
    return [await blobs.put(log.pool, log.vault, content[at : at + PART], subject) for at in parts]


async def fetch(log: Log, job: Job) -> bytes | None:
    """The file of an export that is done; None when it has expired, or the person was erased."""
    if job.name != EXPORT or job.status != "completed" or job.ended_at is None or clock.now() - job.ended_at > KEPT:
        return None
    found = [await blobs.get(log.pool, log.vault, address) for address in _addresses(job)]
    whole = [part for part in found if part is not None]
    return b"".join(whole) if found and len(whole) == len(found) else None


async def expire(log: Log, now: datetime) -> int:
    """Delete the files of exports that nobody can fetch any more; returns how many files went."""
    async with log.pool.connection() as connection:
        found = await jobs.recent(connection, name=EXPORT, status="completed", limit=LOOKED_AT)
    gone = [job for job in found if job.ended_at is not None and now - job.ended_at > KEPT]
    return sum([await blobs.delete(log.pool, address) for job in gone for address in _addresses(job)])


def _addresses(job: Job) -> list[str]:
    parts = (job.result or {}).get("parts")
    return [str(address) for address in parts] if isinstance(parts, list) else []


def file_name(user_id: int) -> str:
    """What the ZIP is called."""
    return f"tzurot-{user_id}.zip"
