"""Everything the log knows about one turn, found by whatever a person has in hand: what the debug views show."""

from dataclasses import dataclass
from uuid import UUID

from engine.events.turn import GenerationStarted, TurnCancelled, TurnCompleted, TurnDeclined, TurnFailed, TurnRequested
from engine.outside import numbers
from engine.outside.clean import storable
from engine.store import Log
from projections.models import deliveries, history, turns
from projections.models.deliveries import Delivery
from projections.models.turns import Turn

End = TurnCompleted | TurnDeclined | TurnFailed | TurnCancelled


@dataclass(frozen=True, slots=True)
class Step:
    """One event of the turn, in order."""

    position: int
    type: str
    at: str


@dataclass(frozen=True, slots=True)
class Record:
    """A turn from trigger to delivery. `generations` are the calls that were begun, with parameters, what was left out and dropped;
    `end.calls` what became of them."""

    turn: Turn
    request: TurnRequested | None
    generations: tuple[GenerationStarted, ...]
    end: End | None
    delivery: Delivery | None
    steps: tuple[Step, ...]
    erased: bool


async def find(log: Log, text: str) -> list[Turn]:
    """The turns meant by an error reference, a turn's id, or the id or link of a message (a person's or a reply's)."""
    wanted = storable(text, 2_000).strip().rstrip("/").rsplit("/", 1)[-1].lower()
    async with log.pool.connection() as connection:
        if len(wanted) > 10 and (number := numbers.whole(wanted)) is not None:
            found = await turns.by_message(connection, number)
            if found:
                return found
            entry = await history.by_message(connection, log.vault, number)
            turn = entry.turn if entry else None
        else:
            turn = _as_id(wanted)
        one = await turns.get(connection, turn) if turn else await turns.by_reference(connection, wanted)
    return [one] if one else []


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def record(log: Log, turn: Turn) -> Record:
    """The turn's record, texts opened."""
    events = await log.stream(f"turn:{turn.turn}")
    async with log.pool.connection() as connection:
        delivery = await deliveries.get(connection, turn.turn)
    generations = tuple(found.event for found in events if isinstance(found.event, GenerationStarted))
    end = next((found for found in events if isinstance(found.event, TurnCompleted | TurnDeclined | TurnFailed | TurnCancelled)), None)
    return Record(
        turn=turn,
        request=next((found.event for found in events if isinstance(found.event, TurnRequested)), None),
        generations=generations,
        end=end.event if end and isinstance(end.event, TurnCompleted | TurnDeclined | TurnFailed | TurnCancelled) else None,
        delivery=delivery,
        steps=tuple(Step(found.position, found.row.type, found.row.occurred_at.isoformat()) for found in events),
        erased=any(found.erased for found in events),
    )
