"""References that no handler could digest: recorded in the log, listed, sent again or discarded by an operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from engine import ids
from engine.bus import broker, subjects
from engine.bus.reference import Reference, encode, of_row
from engine.errors import TzurotError
from engine.events.build import new
from engine.events.ops import DeadLetterDiscarded, DeadLettered, DeadLetterRetried
from engine.store import Log, Query


class CannotRetry(TzurotError):
    """The dead letter names no event of the log, so there is nothing to send again."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One that is still waiting for a decision. `id` is what retry and discard take."""

    id: UUID
    consumer: str
    subject: str
    why: str
    error: str
    log_position: int | None
    deliveries: int
    at: datetime


async def record(
    log: Log, *, consumer: str, subject: str, reference: Reference | None, error: Exception, deliveries: int, sequence: int, at: str
) -> UUID:
    """Say in the log that a delivery was put aside; returns the dead letter's id. Repeats of the same delivery are no-ops."""
    event_id = ids.derived("dead-letter", consumer, sequence, at)
    event = DeadLettered(
        consumer=consumer,
        subject=subject[:200],
        why=str(error)[:200] if isinstance(error, TzurotError) else "the handler failed",
        error=type(error).__name__,
        log_position=reference.position if reference else None,
        event_id=str(reference.id) if reference else None,
        deliveries=deliveries,
    )
    await log.append(new(event, event_id))
    return event_id


async def waiting(log: Log, consumers: Sequence[str] = tuple(subjects.DURABLES)) -> list[DeadLetter]:
    """All dead letters that were neither sent again nor discarded, oldest first."""
    found: dict[UUID, DeadLetter] = {}
    for consumer in consumers:
        async for recorded in log.read(Query(stream=_stream(consumer))):
            match recorded.event:
                case DeadLettered() as event:
                    found[recorded.id] = DeadLetter(
                        id=recorded.id,
                        consumer=event.consumer,
                        subject=event.subject,
                        why=event.why,
                        error=event.error,
                        log_position=event.log_position,
                        deliveries=event.deliveries,
                        at=recorded.row.occurred_at,
                    )
                case DeadLetterRetried() | DeadLetterDiscarded() as event:
                    found.pop(UUID(event.dead_letter_id), None)
    return sorted(found.values(), key=lambda letter: (letter.at, letter.id))


async def retry(log: Log, url: str, letter: DeadLetter) -> None:
    """Send its reference on its way again. Raises CannotRetry when it never was a reference to an event of ours."""
    reference = await _reference(log, letter)
    # A new message id: the broker would drop the old one as a duplicate.
    headers = {"Nats-Msg-Id": f"{reference.id}:retry:{letter.id}"}
    async with broker.connected(url, "retry") as stream:
        await stream.publish(reference.subject, encode(reference), headers=headers, timeout=5.0)
    event = DeadLetterRetried(consumer=letter.consumer, dead_letter_id=str(letter.id))
    await log.append(new(event, ids.derived("dead-letter-retried", letter.id)))


async def discard(log: Log, letter: DeadLetter) -> None:
    """Close it without doing anything."""
    event = DeadLetterDiscarded(consumer=letter.consumer, dead_letter_id=str(letter.id))
    await log.append(new(event, ids.derived("dead-letter-discarded", letter.id)))


async def _reference(log: Log, letter: DeadLetter) -> Reference:
    if letter.log_position is None:
        raise CannotRetry("this message was no reference to an event of the log; discard it")
    found = [row async for row in log.rows(Query(after=letter.log_position - 1, until=letter.log_position))]
    if not found:
        raise CannotRetry(f"the log has no position {letter.log_position}; discard it")
    return of_row(found[0])


def _stream(consumer: str) -> str:
    return f"dead-letters:{consumer}"
