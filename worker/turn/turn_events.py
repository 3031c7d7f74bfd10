"""How a turn ends: exactly one of completed, failed, cancelled. All share one id, so the log takes only the first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from engine import clock, ids, subjects
from engine.errors import KeyDestroyed
from engine.events import Event, Tags, user_subject
from engine.events.build import Cause, sealed_for
from engine.events.build import new as build
from engine.events.turn import Call, Timing, TurnCancelled, TurnCompleted, TurnDeclined, TurnFailed, Usage
from engine.fault import Fault
from engine.store import Appended, NewEvent, Stored
from projections.models.turns import Turn
from worker.providers.chat import Completion
from worker.turn.answer import Answer
from worker.work import Work

NO_TIMING = Timing()
OF_TOOLS = frozenset({"turn.tools_called", "turn.tool_answered"})
type End = TurnCompleted | TurnDeclined | TurnFailed
Why = Literal["message deleted", "superseded", "user erased", "too late", "already told", "stopped"]


@dataclass(frozen=True, slots=True)
class Past:
    """What became of a turn so far: position of its end if there is one, and the number of the call that would come now."""

    ended: int | None = None
    number: int = 1
    tools: tuple[Stored, ...] = ()
    """What was done with tools so far."""


async def past(work: Work, turn: UUID) -> Past:
    """Read a turn's stream. To be trusted by who holds its conversation's lease since before."""
    number, tools = 1, list[Stored]()
    for row in await work.log.stream_rows(stream(turn)):
        if row.id == ids.terminal(turn):
            return Past(row.position, number)
        number += row.type == "turn.generation_started"
        tools += [row] if row.type in OF_TOOLS else []
    return Past(None, number, tuple(tools))


def stream(turn: UUID) -> str:
    """Name of a turn's stream."""
    return f"turn:{turn}"


def tags(turn: Turn) -> Tags:
    return Tags(guild=turn.guild, channel=turn.channel, user=turn.user_id, character=turn.character, turn=turn.turn)


def new(turn: Turn, event: Event, event_id: UUID, causation: UUID | None = None) -> NewEvent:
    """An event of this turn, sealed for the person it is for."""
    return sealed_for(build(event, event_id, cause=Cause(turn.turn, causation, tags(turn))), turn.subject or user_subject(turn.user_id))


async def pinned(work: Work, turn: Turn) -> Turn:
    """The turn, sealed with the very key of the message it answers: who erases what they wrote erases the answers under way as well."""
    said = await work.log.row(ids.message_event(turn.message_id, "received"))
    return turn if said is None or said.subject is None else replace(turn, subject=subjects.pinned(said.subject))


def completed(turn: Turn, answer: Answer, calls: Sequence[Call], *, provider: str, timing: Timing, upgrade_hint: bool) -> TurnCompleted:
    """The end with an answer. Usage is that of all calls together."""
    completion, reading = answer.completion, answer.reading
    stop = stopped_by(completion, answer.attempt.effective.body.get("stop"))
    return TurnCompleted.model_validate(
        _common(turn)
        | {
            "attempt": answer.attempt.number,
            "model": completion.model or answer.attempt.candidate.model.id,
            "provider": provider,
            "finish_reason": completion.finish_reason or "unknown",
            "stopped": stop is not None,
            "stop_sequence": stop,
            "cut_short": "length" in reading.changed or cut_short(completion, stop),
            "recovered": completion.recovered,
            "fallback_from": answer.fallback_from,
            "fallback_why": answer.fallback_why,
            "guest": answer.guest,
            "show_thinking": answer.attempt.candidate.preset.show_thinking and bool(reading.thinking.strip()),
            "upgrade_hint": upgrade_hint,
            "repeated": answer.repeated,
            "left_out": completion.left_out,
            "calls": tuple(calls),
            "usage": total(calls),
            "timing": timing,
            "changed": reading.changed,
            "text": reading.text,
            "reasoning": reading.thinking,
            "raw": "" if reading.raw == reading.text else reading.raw,
        }
    )


def declined(turn: Turn, answer: Answer, calls: Sequence[Call], *, provider: str, timing: Timing) -> TurnDeclined:
    """The end by the character's choice to say nothing."""
    made = {"attempt": answer.attempt.number, "model": answer.completion.model or answer.attempt.candidate.model.id}
    spent = {"provider": provider, "calls": tuple(calls), "usage": total(calls), "timing": timing}
    return TurnDeclined.model_validate(_common(turn) | made | spent)


def stopped_by(completion: Completion, asked: object) -> str | None:
    """The stop sequence that ended a reply: one that was asked for, named by the provider or left at the reply's end; else None."""
    sequences = [asked] if isinstance(asked, str) else [stop for stop in asked if isinstance(stop, str)] if isinstance(asked, list) else []
    if completion.stop_sequence is not None:
        return completion.stop_sequence if completion.stop_sequence in sequences else None
    return next((stop for stop in sequences if stop and completion.text.endswith(stop)), None)


def cut_short(completion: Completion, stop: str | None) -> bool:
    """Whether a reply ends in the middle: a limit was reached, a filter cut in, or a stop sequence came within a word."""
    if completion.cut:
        return True
    return stop is not None and completion.text.removesuffix(stop).rstrip(" \t")[-1:].isalnum()


def total(calls: Sequence[Call]) -> Usage:
    """The usage of several calls together; the cost is unknown when nobody said one."""
    costs = [call.usage.cost for call in calls if call.usage.cost is not None]
    return Usage(
        prompt_tokens=sum(call.usage.prompt_tokens for call in calls),
        completion_tokens=sum(call.usage.completion_tokens for call in calls),
        reasoning_tokens=sum(call.usage.reasoning_tokens for call in calls),
        cached_tokens=sum(call.usage.cached_tokens for call in calls),
        cost=sum(costs) if costs else None,
    )


def failed(
    turn: Turn, fault: Fault, *, attempt: int, calls: Sequence[Call] = (), provider: str | None = None, timing: Timing = NO_TIMING
) -> TurnFailed:
    """The end with an error."""
    return TurnFailed.model_validate(
        _common(turn)
        | {
            "attempt": attempt,
            "model": calls[-1].model if calls else None,
            "provider": provider,
            "category": fault.category.value,
            "status": fault.status,
            "reference": fault.reference,
            "attempts": len(calls),
            "calls": tuple(calls),
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


async def end(
    work: Work, turn: Turn, event: TurnCompleted | TurnDeclined | TurnFailed, *others: NewEvent, causation: UUID | None = None
) -> Appended:
    """Append a turn's end and what belongs to it; a repeat is a no-op. The person was erased meanwhile: it is cancelled instead."""
    try:
        appended = await work.log.append(new(turn, event, ids.terminal(turn.turn), causation), *others)
        if not appended.repeated:
            work.telemetry.metrics.turn(_outcome(event), (clock.now() - turn.requested_at).total_seconds())
        return appended
    except KeyDestroyed:
        return await cancel(work, turn, "user erased", *others)


def _outcome(event: End) -> str:
    match event:
        case TurnCompleted():
            return "completed"
        case TurnDeclined():
            return "declined"
        case TurnFailed():
            return event.category


async def cancel(work: Work, turn: Turn, why: Why, *others: NewEvent) -> Appended:
    """Append the end that nobody is told of. When somebody else ended the turn, what belongs to our part of it is appended alone."""
    event = TurnCancelled.model_validate(_common(turn) | {"why": why})
    appended = await work.log.append(new(turn, event, ids.terminal(turn.turn)), *others)
    if appended.repeated and others:
        await work.log.append(*others)
    return appended
