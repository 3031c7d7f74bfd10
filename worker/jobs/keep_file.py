"""Keeps a file on a message that is answered, sealed and named by its content: Discord's addresses run out within a day.

Voice messages and whatever else is no picture, up to KEEP_FILES_MB. Erasing its sender takes it away; an archive of theirs holds it.
"""

from collections.abc import Sequence

from engine import blobs, ids
from engine.config import Settings
from engine.decide.job import RetryPolicy
from engine.events.base import user_subject
from engine.events.build import new
from engine.events.message import Attachment, FileKept
from worker.jobs import keep_picture
from worker.jobs.running import GiveUp, Handler, Result, RunningJob
from worker.senses import pictures
from worker.senses.pictures import Unavailable

NAME = "keep_file"
_KINDS = ("file", "voice", "image")


def keepable(found: Sequence[Attachment], settings: Settings) -> list[int]:
    """The numbers of those files that are kept: no pictures, not too large, on Discord's servers. Pure."""
    api, most = settings.discord_api_base, _most(settings)
    seen = set(pictures.visible(found, api))
    return [
        number
        for number, file in enumerate(found)
        if most and number not in seen and file.kind in _KINDS and (file.size or 0) <= most and pictures.allowed(file.url, api)
    ]


def _most(settings: Settings) -> int:
    return settings.keep_files_mb * 2**20


async def run(job: RunningJob) -> Result:
    """Fetch it, keep it, record where. A file that is recorded already is not fetched again."""
    recorded, message, number = await keep_picture.asked(job)
    log, event_id = job.work.log, ids.derived("file-kept", message.message_id, number)
    if (earlier := await log.find(event_id)) is not None and isinstance(kept := earlier.event, FileKept):
        return {"file": kept.file, "bytes": kept.size}
    found = pictures.files(message)
    if number not in keepable(found, job.work.settings):
        raise GiveUp("The message has no file that is kept here: KEEP_FILES_MB says how large one may be.")
    try:
        content = await pictures.fetch(job.work, found[number].url, what="file", most=_most(job.work.settings))
    except Unavailable as error:
        raise GiveUp(str(error)) from None
    address = await blobs.put(log.pool, log.vault, content, user_subject(message.author_id))
    event = FileKept(
        message_id=message.message_id,
        channel_id=message.channel_id,
        guild_id=message.guild_id,
        author_id=message.author_id,
        venue=message.venue,
        number=number,
        file=address,
        size=len(content),
        name=found[number].name,
    )
    await log.append(new(event, event_id, cause=recorded))
    return {"file": address, "bytes": len(content)}


HANDLER = Handler(NAME, run, RetryPolicy(attempts=4, first=5.0, longest=900.0), at_once=2)
