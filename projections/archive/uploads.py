"""Files that people hand over for a job: kept sealed until it is done, asked for once; or only looked at, and held for a while."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from uuid import UUID

import orjson
from pydantic import JsonValue

from engine import blobs, clock, ids
from engine.actor import Actor
from engine.decide.job import FIELDS, Again, Ask, job_id
from engine.decide.rejected import Rejected
from engine.events.base import user_subject
from engine.events.job import JobRequested
from engine.execute import execute
from engine.store import Log
from projections.models import jobs

PART = 8 * 1024 * 1024
HOLD = "hold_upload"
KEPT = timedelta(hours=24)
"""How long a file that was looked at can still be brought in."""
LOOKED_AT = 1_000
GONE = (
    "That file is not kept any more: one that was looked at is for a day. Give it again, by `/character import` or on the page In and out."
)


async def ask(log: Log, actor: Actor, name: str, raw: bytes, host: UUID, personal: FIELDS | None = None) -> UUID:
    """Have a file taken in for this character by a job of that name; returns its id. The same file again is the same job.

    With other `personal` wishes it is another job. One that was called off or given up goes on. Raises Rejected for an empty file.
    """
    subject = user_subject(actor.user_id)
    key = await log.vault.key(subject)
    digest = await asyncio.to_thread(key.digest, raw)
    wishes = f":{key.digest(orjson.dumps(dict(personal), option=orjson.OPT_SORT_KEYS))[:16]}" if personal else ""
    about = f"{actor.user_id}:{host}:{digest}{wishes}"
    job = job_id(name, about)
    async with log.pool.connection() as connection:
        known = await jobs.get(connection, job)
    if not raw:
        raise Rejected("The file is empty.")
    if known is not None and (known.status == "completed" or not known.over):
        return job
    parts = await _kept(log, raw, subject)
    people = (actor.user_id,) if personal else ()
    fresh = Ask(job, name, about, {"parts": [*parts], "character": str(host)}, people, personal or {})
    command = fresh if known is None else Again(job)
    await execute(log, actor, command, ids.derived(name.replace("_", "-"), job, known.position if known else 0), see=("jobs",))
    return job


async def _kept(log: Log, raw: bytes, subject: str) -> list[str]:
    return [await blobs.put(log.pool, log.vault, raw[at : at + PART], subject) for at in range(0, len(raw), PART)]


@dataclass(frozen=True, slots=True)
class HeldUpload:
    """A file that somebody gave to be looked at. `about`: what was found in it."""

    parts: Sequence[str]
    about: FIELDS


async def hold(log: Log, actor: Actor, raw: bytes, about: FIELDS, key: UUID) -> UUID:
    """Keep a file for a day for whoever gave it, with what was found in it; returns the name it is held by. Once by this key."""
    parts = await _kept(log, raw, user_subject(actor.user_id))
    said = f"{actor.user_id}:{key}"
    job = job_id(HOLD, said)
    await execute(log, actor, Ask(job, HOLD, said, {"parts": [*parts]}, (actor.user_id,), about), job, see=("jobs",))
    return job


async def held(log: Log, actor: Actor, job: UUID) -> HeldUpload:
    """A file that this person gave to be looked at. Raises Rejected when it is none of theirs, or its day is over."""
    found = await log.stream(f"job:{job}")
    event = next((one.event for one in found if isinstance(one.event, JobRequested)), None)
    if event is None or event.name != HOLD or event.asked_by != actor.user_id or clock.now() - found[0].row.recorded_at > KEPT:
        raise Rejected(GONE)
    return HeldUpload(_addresses(event.parameters.get("parts")), event.personal)


async def content(log: Log, file: HeldUpload) -> bytes:
    """The bytes of a file that is held. Raises Rejected."""
    if (raw := await fetch(log, [*file.parts])) is None:
        raise Rejected(GONE)
    return raw


async def expire(log: Log, now: datetime) -> int:
    """Delete files that were looked at and not brought in within a day; returns how many went. What a job still needs stays."""
    async with log.pool.connection() as connection:
        looked = await jobs.recent(connection, name=HOLD, limit=LOOKED_AT)
        under_way = [one for one in await jobs.recent(connection, limit=LOOKED_AT) if not one.over and one.name != HOLD]
    needed = {address for one in looked if now - one.requested_at <= KEPT for address in await _parts(log, one.job)}
    needed |= {address for one in under_way for address in await _parts(log, one.job)}
    gone = {address for one in looked if now - one.requested_at > KEPT for address in await _parts(log, one.job)}
    return sum([await blobs.delete(log.pool, address) for address in sorted(gone - needed)])


async def _parts(log: Log, job: UUID) -> list[str]:
    event = next((one.event for one in await log.stream(f"job:{job}") if isinstance(one.event, JobRequested)), None)
    return _addresses(event.parameters.get("parts")) if event is not None else []


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
