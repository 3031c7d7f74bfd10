"""Imports the chat logs of a file: line by line, in order, each once, also when workers die in the middle."""

import asyncio
from uuid import UUID

from engine import blobs
from engine.actor import operator, person
from engine.cards.refusal import Unreadable
from engine.chatlogs.reading import read_chats
from projections.archive import chats
from projections.archive.chats import ImportedChat
from worker.jobs.running import GiveUp, Handler, Result, RunningJob

TOLD = 50
"""Lines that could not be read, told one by one."""
OPERATOR = 1


async def run(job: RunningJob) -> Result:
    """Read, go on where an earlier attempt was, store. Called off, it leaves what is stored so far: the same file again goes on."""
    log, parts, host = job.work.log, [str(part) for part in _list(job.parameters.get("parts"))], UUID(str(job.parameters["character"]))
    found = [await blobs.get(log.pool, log.vault, part) for part in parts]
    if not found or any(part is None for part in found):
        raise GiveUp("The file is not there any more.")
    try:
        read = await asyncio.to_thread(read_chats, b"".join(part for part in found if part is not None))
    except Unreadable as error:
        raise GiveUp(str(error)) from None
    actor = operator(job.asked_by) if job.asked_by == OPERATOR else person(job.asked_by)
    total, before, done = sum(len(chat.lines) for chat in read), 0, list[ImportedChat]()
    for chat in read:
        begun = before

        async def told(lines: int, _: int, begun: int = begun) -> None:
            await job.progress(begun + lines, total)

        start = min(max(job.done - before, 0), len(chat.lines))
        done.append(await chats.take(log, actor, chat, host, start=start, told=told))
        before += len(chat.lines)
    for part in parts:
        await blobs.delete(log.pool, part)
    return _result(done)


def _result(done: list[ImportedChat]) -> Result:
    bad = [line for one in done for line in one.bad]
    return {
        "channels": [str(one.channel) for one in done[:100]],
        "lines": sum(one.lines for one in done),
        "silent": sum(one.silent for one in done),
        "repeated": sum(one.repeated for one in done),
        "bad": len(bad),
        "told": [*bad[:TOLD]],
    }


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


HANDLER = Handler(chats.IMPORT, run, at_once=1)
