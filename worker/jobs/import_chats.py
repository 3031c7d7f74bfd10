"""Imports the chat logs of a file: line by line, in order, each once, also when workers die in the middle."""

import asyncio
from uuid import UUID

from engine.actor import Actor, operator, person
from engine.cards.refusal import Unreadable
from engine.chatlogs.reading import read_chats
from projections.archive import chats, uploads
from projections.archive.chats import ImportedChat
from worker.jobs.running import GiveUp, Handler, Result, RunningJob

TOLD = 50
"""Lines that could not be read, told one by one."""
OPERATOR = 1


async def run(job: RunningJob) -> Result:
    """Read, go on where an earlier attempt was, store. Called off, it leaves what is stored so far: the same file again goes on."""
    log, parts, host = job.work.log, job.parameters.get("parts"), UUID(str(job.parameters["character"]))
    raw = await uploads.fetch(log, parts)
    if raw is None:
        raise GiveUp("The file is not there any more.")
    try:
        read = await asyncio.to_thread(read_chats, raw)
    except Unreadable as error:
        raise GiveUp(str(error)) from None
    del raw
    total, before, reached, done = sum(len(chat.lines) for chat in read), 0, job.done, list[ImportedChat]()
    for chat in read:
        begun = before

        async def told(lines: int, _: int, __: int, begun: int = begun) -> None:
            await job.progress(max(begun + lines, reached), total)

        start = min(max(reached - before, 0), len(chat.lines))
        done.append(await chats.take(log, asker(job), chat, host, start=start, told=told))
        before += len(chat.lines)
    await job.progress(total, total, now=True)
    await uploads.drop(log, parts)
    return _result(done)


def asker(job: RunningJob) -> Actor:
    """Who asked for an import: the operator is not just a person."""
    return operator(job.asked_by) if job.asked_by == OPERATOR else person(job.asked_by)


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


HANDLER = Handler(chats.IMPORT, run, at_once=1)
