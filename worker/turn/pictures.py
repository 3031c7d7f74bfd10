"""Has what people sent besides words at hand before a prompt is made: pictures fetched for a model that sees, else described in words;

voice messages written down.
"""

import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

from engine import ids
from engine.actor import person
from engine.events.message import MessageReceived
from projections.follow import runner
from projections.models.jobs import Job
from projections.models.turns import Turn
from projections.prompt.section import KeptPicture
from worker.jobs import describe_image, keep_file, keep_picture
from worker.jobs.keep import ask
from worker.senses import pictures
from worker.turn import context, voices
from worker.turn.waited import PATIENCE_SECONDS, ended
from worker.work import Work

MOST = 4
"""Pictures of one message that are described, and other files of one that are kept."""
_READ = ("catalog", "models")


async def fetched(work: Work, turn: Turn, deleted: asyncio.Event) -> tuple[KeptPicture, ...]:
    """The pictures for a model that sees, those of the message first, then those of what it replies to; () for one that does not.

    What is not described yet is asked for, so that later prompts and other models have it in words; a model that does not see waits
    until it is, until it failed once, or not for ever.
    """
    messages = await _messages(work, turn)
    await _kept(work, [message for message in messages if message.message_id == turn.message_id])
    await voices.heard(work, turn, messages, deleted)
    found = [(message, _visible(work, message)) for message in messages]
    if not any(numbers for _, numbers in found):
        return ()
    shown = await _shown(work, turn, [(message, number) for message, numbers in found for number in numbers], deleted)
    await _described(work, [message for message in messages if message.message_id == turn.message_id], deleted, waits=shown is None)
    return shown or ()


def _visible(work: Work, message: MessageReceived) -> list[int]:
    return pictures.visible(pictures.everything(message, work.settings), work.settings.discord_api_base)


async def _kept(work: Work, messages: Iterable[MessageReceived]) -> None:
    """Ask for the other files to be kept; no answer waits for that."""
    for message in messages:
        for number in keep_file.keepable(pictures.files(message), work.settings)[:MOST]:
            await ask(work.log, keep_file.NAME, describe_image.about(message.message_id, number), by=person(message.author_id))


async def _messages(work: Work, turn: Turn) -> list[MessageReceived]:
    """The message to answer, then the one it replies to, as far as they are there."""
    found = list[MessageReceived]()
    wanted: int | None = turn.message_id
    while wanted is not None and len(found) < 2:
        recorded = await work.log.find(ids.message_event(wanted, "received"))
        message = recorded.event if recorded is not None and not recorded.erased else None
        if not isinstance(message, MessageReceived) or (found and message.channel_id != found[0].channel_id):
            break
        found.append(message)
        wanted = message.reply_to
    return found


async def _shown(
    work: Work, turn: Turn, wanted: Sequence[tuple[MessageReceived, int]], deleted: asyncio.Event
) -> tuple[KeptPicture, ...] | None:
    """Those that are kept here now, and without an address those that cannot be had; None for a model that does not see."""
    await runner.wait_for(work.log.pool, _READ, turn.position, seconds=PATIENCE_SECONDS)
    first = await context.first_candidate(work, turn)
    if first is None or not first.model.sees:
        return None
    wanted = wanted[: first.preset.window.max_images]
    asked = [
        await ask(work.log, keep_picture.NAME, describe_image.about(message.message_id, number), by=person(message.author_id))
        for message, number in wanted
    ]
    ends = await ended(work, asked, deleted)
    return tuple(KeptPicture(message.message_id, number, _address(end)) for (message, number), end in zip(wanted, ends, strict=True))


def _address(job: Job | None) -> str:
    return str((job.result or {}).get("picture") or "") if job is not None and job.status == "completed" else ""


async def _described(work: Work, messages: Iterable[MessageReceived], deleted: asyncio.Event, *, waits: bool) -> None:
    """Ask for what is not described yet."""
    asked = list[UUID]()
    for message in messages:
        numbers = pictures.visible(pictures.files(message), work.settings.discord_api_base)[:MOST]
        if not numbers or await pictures.model(work) is None:
            return
        for number in numbers:
            about = describe_image.about(message.message_id, number)
            asked.append(await ask(work.log, describe_image.NAME, about, by=person(message.author_id)))
    if waits and asked:
        await ended(work, asked, deleted)
        await runner.wait_for(work.log.pool, ("pictures",), await work.log.head(), seconds=5.0)
    else:
        work.bell.set()
