"""Has voice messages written down before a prompt is made: on the message to answer, on what it replies to, and in what was said lately."""

import asyncio
from collections.abc import Iterable, Sequence

from engine.actor import person
from engine.events.message import Attachment, MessageReceived
from projections.follow import runner
from projections.models import history, pictures
from projections.models.turns import Turn
from worker.jobs import describe_image, transcribe
from worker.jobs.keep import ask
from worker.senses import audio
from worker.turn.waited import ended
from worker.work import Work

MOST = 4
"""Files of one message that are written down."""
LATELY = 30
"""Entries of the conversation that are looked through for voice messages nobody wrote down."""


async def heard(work: Work, turn: Turn, messages: Sequence[MessageReceived], deleted: asyncio.Event) -> None:
    """Ask for what is not written down yet, for whoever is answered, and wait until it is, until it failed once, or not for ever."""
    if work.settings.transcription_model is None:
        return
    wanted = dict.fromkeys(_of(work, [(one.message_id, _files(one)) for one in messages]))
    wanted |= dict.fromkeys(await _lately(work, turn))
    if not wanted:
        return
    async with work.log.pool.connection() as connection:
        known = await pictures.described(connection, {message for message, _ in wanted})
    asked = [
        await ask(work.log, transcribe.NAME, describe_image.about(message, number), by=person(turn.user_id))
        for message, number in wanted
        if message not in known
    ]
    if asked:
        await ended(work, asked, deleted)
        await runner.wait_for(work.log.pool, ("pictures",), await work.log.head(), seconds=5.0)


def _files(message: MessageReceived) -> list[Attachment]:
    return [*message.attachments, *(file for forward in message.forwards for file in forward.attachments)]


def _of(work: Work, found: Iterable[tuple[int, Sequence[Attachment]]]) -> list[tuple[int, int]]:
    """(message, number) of what can be listened to."""
    api = work.settings.discord_api_base
    return [(message, number) for message, files in found for number in audio.spoken(files, api)[:MOST]]


async def _lately(work: Work, turn: Turn) -> list[tuple[int, int]]:
    async with work.log.pool.connection() as connection:
        said = await history.recent(connection, work.log.vault, turn.channel, until=turn.position, limit=LATELY, character=turn.character)
    entries = [
        (entry.message_id, [*entry.attachments, *(file for forward in entry.forwards for file in forward.attachments)])
        for entry in said
        if entry.message_id is not None and not entry.erased
    ]
    return _of(work, entries)[-MOST:]
