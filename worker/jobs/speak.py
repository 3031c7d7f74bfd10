"""Says a reply aloud: asked for with the turn's end, shown below the text. Whatever goes wrong costs the speech and nothing else."""

import asyncio
from uuid import UUID

from engine import ids
from engine.decide.job import RetryPolicy
from engine.errors import KeyDestroyed
from engine.events.build import new
from engine.events.craft.made import ReplyFileDropped
from engine.events.turn import TurnCompleted
from projections.models import catalog
from worker.jobs.paid_audio import LOCAL, paid
from worker.jobs.running import GiveUp, Handler, Result, RunningJob
from worker.providers import audio as provider
from worker.providers.failure import ProviderFailed
from worker.senses import audio, espeak
from worker.senses.audio import NoAudio
from worker.senses.espeak import NoSpeech
from worker.turn import made
from worker.turn.made import Media
from worker.turn.text import aloud

NAME = "speak"
ATTEMPTS = 3


async def run(job: RunningJob) -> Result:
    """Have the answer of a turn said, keep it, and have it shown. What was given up stands in the log beside the reply."""
    recorded = await job.work.log.find(ids.terminal(UUID(job.about)))
    if recorded is None or recorded.erased or not isinstance(turn := recorded.event, TurnCompleted):
        raise GiveUp("There is no answer to say.")
    try:
        media = await _said(job, turn)
        await job.work.log.append(await made.keep(job.work.log, turn, media))
    except KeyDestroyed:
        raise GiveUp("Whoever it was for was erased.") from None
    except GiveUp as given_up:
        await _dropped(job, turn, str(given_up))
        raise
    except ProviderFailed as failure:
        if job.attempt >= ATTEMPTS:
            await _dropped(job, turn, failure.fault.category.value, failure.fault.status)
        raise
    return {"bytes": len(media.content), "seconds": media.seconds}


async def _dropped(job: RunningJob, turn: TurnCompleted, why: str, status: int | None = None) -> None:
    file_id = made.file_id(turn.turn_id, "speech")
    event = ReplyFileDropped(
        turn_id=turn.turn_id, file_id=file_id, channel_id=turn.channel_id, venue=turn.venue, category=why[:300], status=status
    )
    await job.work.log.append(new(event, ids.derived("speech given up", turn.turn_id, job.attempt), cause=made.cause(turn)))


async def _said(job: RunningJob, turn: TurnCompleted) -> Media:
    model = job.work.settings.speech_model
    if model is None:
        raise GiveUp("No model that speaks is set. Set SPEECH_MODEL.")
    async with job.work.log.pool.connection() as connection:
        character = await catalog.character(connection, job.work.log.vault, turn.character_id)
    text = aloud.sayable(turn.text)
    if character is None or not text:
        raise GiveUp("There is nothing to say." if character is not None else "The character is gone.")
    content = await _spoken(job, model, text, character.sheet.voice)
    local = model == LOCAL
    return await asyncio.to_thread(
        _media,
        content,
        "espeak-ng" if local else model,
        LOCAL if local else job.work.endpoint.name,
        as_voice=character.sheet.speech_form == "message",
    )


async def _spoken(job: RunningJob, model: str, text: str, voice: str) -> bytes:
    """A WAV file."""
    if model == LOCAL:
        try:
            return await espeak.spoken(text, voice)
        except NoSpeech as error:
            raise GiveUp(str(error)) from None
    work = job.work
    return await paid(job, model, NAME, lambda allowed: provider.speak(work.http, allowed.endpoint, allowed.permit, text, voice))


def _media(content: bytes, model: str, by: str, *, as_voice: bool) -> Media:
    """As Ogg Opus, a tenth of the bytes, where this machine can make it. Without that there are no voice messages."""
    try:
        sound = audio.decoded(content)
    except NoAudio as error:
        raise GiveUp(str(error)) from None
    smaller = audio.opus(sound)
    seconds = round(sound.seconds, 3)
    if smaller is None:
        return Media("speech", audio.wav(sound), "audio/wav", "wav", by, model, seconds=seconds)
    form = audio.waveform(sound)
    return Media("speech", smaller, "audio/ogg", "ogg", by, model, as_voice=as_voice, seconds=seconds, waveform=form)


HANDLER = Handler(NAME, run, RetryPolicy(attempts=ATTEMPTS, first=2.0, longest=60.0), at_once=2)
