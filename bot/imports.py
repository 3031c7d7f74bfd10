"""Taking back what was imported, for every face: what it would be in a sentence, doing it, and bringing it back. Knows no face."""

from collections.abc import Sequence
from uuid import UUID

from engine import ids
from engine.actor import Actor
from engine.decide.rejected import Rejected
from engine.decide.speaking.chat import Readmit, Withdraw
from engine.execute import execute
from engine.store import Log
from projections.archive import chats
from projections.models import jobs
from projections.models.jobs import Job
from projections.models.places import imports as talks
from projections.models.places.imports import ImportedTalk

CONFIRM = "undo"
"""What a person types to confirm that their imported talk with a character is taken back."""
_SEEN = ("history", "changes")


async def imported(log: Log, actor: Actor, character: UUID) -> Sequence[ImportedTalk]:
    """The conversations with a character that this actor imported and did not take back."""
    async with log.pool.connection() as connection:
        return await talks.imported(connection, actor.user_id, character)


async def standing(log: Log, jobs_: Sequence[Job]) -> frozenset[str]:
    """The conversations that these jobs brought in, as far as they were not taken back."""
    channels = [int(channel) for job in jobs_ for channel in _brought(job)]
    async with log.pool.connection() as connection:
        return frozenset(map(str, await talks.standing(connection, channels)))


def _brought(job: Job) -> Sequence[str]:
    return [str(one) for one in (job.result or {}).get("channels", ())] if job.name == chats.IMPORT and job.status == "completed" else []


def words(found: Sequence[ImportedTalk], name: str) -> str:
    """What taking them back would take away, in a sentence. Raises Rejected where there is nothing. Pure."""
    if not found:
        raise Rejected(f"You imported no talk with {name}, or took it back already. `/history import` brings one in.")
    many = "One conversation" if len(found) == 1 else f"{len(found)} conversations"
    lines, memories = sum(one.lines for one in found), sum(one.memories for one in found)
    first = min((one.first for one in found if one.first), default=None)
    last = max((one.last for one in found if one.last), default=None)
    when = f" of {first:%Y-%m-%d}" if first else ""
    when += f" to {last:%Y-%m-%d}" if first and last and first.date() != last.date() else ""
    made = f", and {memories} {'memory' if memories == 1 else 'memories'} made of it" if memories else ""
    return f"{many} with {name}: {lines:,} imported {'line' if lines == 1 else 'lines'}{when}{made}."


async def take_back(log: Log, actor: Actor, character: UUID, key: UUID) -> int:
    """Take all of them back: no history, memory or prompt has them from now on. Returns how many conversations; each is one change."""
    found = await imported(log, actor, character)
    for one in found:
        await execute(log, actor, Withdraw(one.channel), ids.derived("import-undo", key, one.channel), see=_SEEN)
    return len(found)


async def take_back_job(log: Log, actor: Actor, job: UUID, key: UUID) -> None:
    """Take back all that one import brought in. Raises Rejected where there is nothing to take back."""
    async with log.pool.connection() as connection:
        known = await jobs.get(connection, job)
    there = await standing(log, [known]) if known is not None else frozenset()
    if not there:
        raise Rejected("Nothing is here of that import that could be taken back.")
    for channel in sorted(there):
        await execute(log, actor, Withdraw(int(channel)), ids.derived("import-undo", key, channel), see=_SEEN)


async def bring_back(log: Log, actor: Actor, job: UUID) -> None:
    """Bring back what an import that is done brought in, where it was taken back since: whoever hands over the same file wants it here."""
    async with log.pool.connection() as connection:
        known = await jobs.get(connection, job)
    for channel in _brought(known) if known is not None else ():
        try:
            await execute(log, actor, Readmit(int(channel)), ids.random_id(), see=_SEEN)
        except Rejected:
            continue  # of before imports could be taken back: it is there
