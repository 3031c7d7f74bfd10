"""Writes down what is said in a voice message or an audio file, once per person and content: the same again costs nothing."""

import asyncio

from engine import blobs, ids
from engine.decide.job import RetryPolicy
from engine.events.base import Event, user_subject
from engine.events.build import new
from engine.events.message import Attachment, FileKept, MessageReceived, VoiceTranscribed
from engine.outside import clean
from engine.resources.typed import tidy
from engine.store import Recorded
from worker.jobs import keep_picture
from worker.jobs.paid_audio import LOCAL, paid
from worker.jobs.running import GiveUp, Handler, Result, RunningJob
from worker.providers import audio as provider
from worker.senses import audio, pictures, recognizer
from worker.senses.audio import MOST_BYTES, NoAudio
from worker.senses.pictures import Unavailable
from worker.senses.recognizer import NoRecognizer

NAME = "transcribe"
LONGEST = 8000
"""Characters of a transcript that are kept."""
_EXTENSIONS = {
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/webm": "webm",
    "audio/flac": "flac",
}


async def run(job: RunningJob) -> Result:
    """Fetch it, know it by its content, have it written down where that was not done before, record what was said."""
    recorded, message, number = await keep_picture.asked(job)
    found = pictures.files(message)
    if number not in audio.spoken(found, job.work.settings.discord_api_base):
        raise GiveUp("The message has no such voice message.")
    content = await _content(job, message, number, found[number])
    heard = await _transcribed(job, recorded, message, number, content)
    return {"heard": heard}


async def _content(job: RunningJob, message: MessageReceived, number: int, file: Attachment) -> bytes:
    """Its bytes: as they are kept here, where KEEP_FILES_MB says so, else from Discord. Raises GiveUp, ProviderFailed."""
    log = job.work.log
    kept = await log.find(ids.derived("file-kept", message.message_id, number))
    if kept is not None and isinstance(event := kept.event, FileKept):
        content = await blobs.get(log.pool, log.vault, event.file)
        if content is not None:
            return content
    try:
        return await pictures.fetch(job.work, file.url, what="voice message", most=MOST_BYTES)
    except Unavailable as error:
        raise GiveUp(str(error)) from None


async def _transcribed(job: RunningJob, recorded: Recorded[Event], message: MessageReceived, number: int, content: bytes) -> bool:
    """Record what is said; whether somebody had to listen. The first transcript of a content has an id made of its address."""
    log = job.work.log
    address = await blobs.address_of(log.vault, content, user_subject(message.author_id))
    first = ids.derived("voice", address)
    earlier = await log.find(first)
    if earlier is None:
        model = job.work.settings.transcription_model
        if model is None:
            raise GiveUp("No model that hears is set. Set TRANSCRIPTION_MODEL.")
        text, seconds = await _listen(job, model, content, pictures.files(message)[number])
        event = _event(message, number, address, model if model != LOCAL else recognizer.MODEL, seconds, text)
        if not (await log.append(new(event, first, cause=recorded))).repeated:
            return True
        earlier = await log.find(first)
    if earlier is not None and isinstance(said := earlier.event, VoiceTranscribed) and not earlier.erased:
        if (said.message_id, said.number) != (message.message_id, number):
            event = _event(message, number, address, said.model, said.seconds, said.text)
            await log.append(new(event, ids.derived("voice-transcribed", message.message_id, number), cause=recorded))
        return False
    raise GiveUp("Whoever sent it was erased.")


async def _listen(job: RunningJob, model: str, content: bytes, file: Attachment) -> tuple[str, float | None]:
    if model == LOCAL:
        try:
            text, seconds = await asyncio.to_thread(recognizer.recognized, content)
        except (NoRecognizer, NoAudio) as error:
            raise GiveUp(str(error)) from None
        return _clean(text), round(seconds, 2)
    kind = file.media_type.partition(";")[0].strip().lower()
    kind = kind if kind in _EXTENSIONS else "audio/ogg" if content[:4] == b"OggS" else "audio/wav"
    name = f"voice.{_EXTENSIONS.get(kind, 'wav')}"
    work = job.work
    text = await paid(
        job, model, NAME, lambda allowed: provider.transcribe(work.http, allowed.endpoint, allowed.permit, content, name, kind)
    )
    return _clean(text), None


def _clean(text: str) -> str:
    return tidy(clean.storable(text))[:LONGEST]


def _event(message: MessageReceived, number: int, address: str, model: str, seconds: float | None, text: str) -> VoiceTranscribed:
    return VoiceTranscribed(
        message_id=message.message_id,
        channel_id=message.channel_id,
        guild_id=message.guild_id,
        author_id=message.author_id,
        venue=message.venue,
        number=number,
        voice=address,
        model=model,
        seconds=seconds,
        name=pictures.files(message)[number].name,
        text=text,
    )


HANDLER = Handler(NAME, run, RetryPolicy(attempts=4, first=5.0, longest=900.0), at_once=2)
