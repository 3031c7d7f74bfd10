"""Where a turn's time went, from the message to the last chunk that is shown. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.events.base import Event
from engine.events.message import MessageReceived
from engine.events.reply import DeliveryFailed, ReplyDelivered
from engine.events.turn import GenerationStarted, TurnCancelled, TurnCompleted, TurnDeclined, TurnFailed, TurnRequested
from engine.store import Recorded

WHOLE = 1000.0
"""Units of the bar that the stretches fill."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the time: milliseconds, and where it lies in a bar of WHOLE units."""

    name: str
    label: str
    ms: float
    start: float = 0.0
    width: float = 0.0


def stretches(events: Sequence[Recorded[Event]], now: datetime | None = None) -> tuple[Stretch, ...]:
    """The stretches of a turn's events, in order; those that never were are left out.

    A turn without an end lasts until `now`. Between processes the times are those of their clocks: nothing is shorter than nothing.
    """
    asked = _at(events, TurnRequested)
    if asked is None:
        return ()
    said, begun = _at(events, MessageReceived), _at(events, GenerationStarted)
    end = _last(events, TurnCompleted, TurnFailed, TurnCancelled, TurnDeclined)
    first_turn = not any(isinstance(one.event, TurnRequested) and one.event.epoch for one in events)
    parts: list[tuple[str, str, float]] = []
    if said is not None and first_turn:
        parts.append(("reach", "reaching us", _ms(asked - said)))
    if end is None:
        until = begun or now or asked
        parts.append(("queue", "waiting", _ms(until - asked)))
        if begun is not None and now is not None:
            parts.append(("wait", "answering", _ms(now - begun)))
        return _laid_out(parts)
    parts += _worked(end, asked, begun)
    shown = _last(events, ReplyDelivered, DeliveryFailed)
    if shown is not None and shown.position > end.position:
        parts.append(("deliver", "delivering", _ms(shown.row.occurred_at - end.row.occurred_at)))
    return _laid_out(parts)


def _worked(end: Recorded[Event], asked: datetime, begun: datetime | None) -> list[tuple[str, str, float]]:
    """From the request to the end: the wait for a worker, then the worker's own stretches by its own clock."""
    timing = getattr(end.event, "timing", None)
    if timing is None or not timing.finished:
        taken = begun or end.row.occurred_at
        rest = [("wait", "answering", _ms(end.row.occurred_at - taken))] if begun is not None else []
        return [("queue", "waiting", _ms(taken - asked)), *rest]
    total = max(timing.finished, 0.0)
    sent = min(max(timing.request_sent, 0.0), total)
    waited = ("queue", "waiting", _ms(end.row.occurred_at - timedelta(milliseconds=total) - asked))
    prepared = ("prepare", "context and prompt", sent)
    if not isinstance(end.event, TurnCompleted):
        return [waited, prepared, ("wait", "asking in vain", total - sent)]
    first = min(max(timing.first_token if timing.first_token is not None else total, sent), total)
    return [waited, prepared, ("wait", "until the first word", first - sent), ("write", "writing", total - first)]


def _laid_out(parts: Sequence[tuple[str, str, float]]) -> tuple[Stretch, ...]:
    whole = sum(length for *_, length in parts)
    found, start = [], 0.0
    for name, label, length in parts:
        width = WHOLE * length / whole if whole else 0.0
        found.append(Stretch(name, label, length, round(start, 2), round(width, 2)))
        start += width
    return tuple(found)


def in_all(parts: Sequence[Stretch]) -> float:
    """Milliseconds from the message to what is shown."""
    return sum(part.ms for part in parts)


def _ms(length: timedelta) -> float:
    return max(length.total_seconds() * 1000, 0.0)


def _at(events: Sequence[Recorded[Event]], cls: type[Event]) -> datetime | None:
    return next((one.row.occurred_at for one in events if isinstance(one.event, cls)), None)


def _last(events: Sequence[Recorded[Event]], *classes: type[Event]) -> Recorded[Event] | None:
    return next((one for one in reversed(events) if isinstance(one.event, classes)), None)
