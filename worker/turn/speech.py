"""Whether a reply is to be said aloud: asked for in one append with the turn's end, so that no crash comes in between."""

from collections.abc import Sequence

from engine.config import Settings
from engine.decide.job import job_id
from engine.events.build import new
from engine.events.job import JobRequested
from engine.events.turn import TurnCompleted
from engine.execute import event_id
from engine.resources.character import Access
from engine.store import NewEvent
from projections.models.history import Entry
from worker.jobs import speak
from worker.senses import audio
from worker.turn import made


def asked(settings: Settings, turn: TurnCompleted, sheet: Access, said: Sequence[Entry]) -> list[NewEvent]:
    """The request to say an answer aloud, where the character speaks; `said` ends with the message that is answered. Pure."""
    if settings.speech_model is None or sheet.speech == "never" or not turn.text.strip():
        return []
    if sheet.speech == "answering" and not (said and any(audio.is_spoken(file) for file in said[-1].attachments)):
        return []
    job = job_id(speak.NAME, str(turn.turn_id))
    request = JobRequested(job_id=job, name=speak.NAME, about=str(turn.turn_id), asked_by=turn.user_id)
    return [new(request, event_id(job), cause=made.cause(turn))]
