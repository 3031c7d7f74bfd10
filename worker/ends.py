"""How a turn ends: exactly one of completed, failed, cancelled. All share one id, so the log takes only the first."""

from typing import Any, Literal
from uuid import UUID

from engine import ids
from engine.errors import KeyDestroyed
from engine.events import Event, Tags, user_subject
from engine.events.turn import Timing, TurnCancelled, TurnCompleted, TurnFailed
from engine.fault import Fault
from engine.store import Appended, NewEvent
from projections.turns import Turn
from worker.providers.chat import Completion
from worker.work import Work

NO_TIMING = Timing()
Why = Literal["message deleted", "superseded", "user erased", "too late"]


def stream(turn: UUID) -> str:
    """Name of a turn's stream."""
    return f"turn:{turn}"


def tags(turn: Turn) -> Tags:
    return Tags(guild=turn.guild, channel=turn.channel, user=turn.user_id, character=turn.character, turn=turn.turn)


def new(turn: Turn, event: Event, event_id: UUID, causation: UUID | None = None) -> NewEvent:
    """An event of this turn, sealed for the person it is for."""
    return NewEvent(
        event,
        stream=stream(turn.turn),
        id=event_id,
        tags=tags(turn),
        subject=user_subject(turn.user_id) if event.SEALED else None,
        correlation=turn.turn,
        causation=causation,
    )


def completed(turn: Turn, completion: Completion, **more: Any) -> TurnCompleted:
    """`more`: attempt, model, provider, timing and whatever else TurnCompleted has."""
    fields: dict[str, Any] = {
        "finish_reason": completion.finish_reason or "unknown",
        "stop_sequence": completion.stop_sequence,
        "cut_short": completion.finish_reason == "length",
        "recovered": completion.recovered,
        "usage": completion.usage,
        "text": completion.text,
        "reasoning": completion.reasoning,
        "raw": completion.text,
    }
    return TurnCompleted.model_validate(_common(turn) | fields | more)


def failed(turn: Turn, fault: Fault, *, attempt: int, model: str | None, provider: str | None, attempts: int, timing: Timing) -> TurnFailed:
    return TurnFailed.model_validate(
        _common(turn)
        | {
            "attempt": attempt,
            "model": model,
            "provider": provider,
            "category": fault.category.value,
            "status": fault.status,
            "reference": fault.reference,
            "attempts": attempts,
            "timing": timing,
            "user_message": fault.user_message,
            "said": fault.said,
            "technical_details": fault.technical_details[:20_000],
        }
    )


def _common(turn: Turn) -> dict[str, Any]:
    return {
        "turn_id": turn.turn,
        "message_id": turn.message_id,
        "channel_id": turn.channel,
        "guild_id": turn.guild,
        "user_id": turn.user_id,
        "character_id": turn.character,
        "venue": turn.venue,
    }


async def end(work: Work, turn: Turn, event: TurnCompleted | TurnFailed, *others: NewEvent, causation: UUID | None = None) -> Appended:
    """Append a turn's end and what belongs to it; a repeat is a no-op. The person was erased meanwhile: it is cancelled instead."""
    try:
        return await work.log.append(new(turn, event, ids.terminal(turn.turn), causation), *others)
    except KeyDestroyed:
        return await cancel(work, turn, "user erased")


async def cancel(work: Work, turn: Turn, why: Why) -> Appended:
    """Append the end that nobody is told of."""
    event = TurnCancelled.model_validate(_common(turn) | {"why": why})
    return await work.log.append(new(turn, event, ids.terminal(turn.turn)))
