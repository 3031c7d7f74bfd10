"""Changes that can be taken back: which there were lately, and taking one back. What the command line and the console share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from engine import clock, undo
from engine.actor import Actor
from engine.decide.rejected import Rejected
from engine.events import all_types
from engine.events.base import Event
from engine.execute import Executed, event_id
from engine.store import Log, Query, Recorded
from engine.store.progress import wait_for
from projections import registry

LOOKED_AT = 2_000
"""Newest changes that are looked through for those of one person."""
SEEN_S = 2.0
_FAMILIES = frozenset({"character", "preset", "channel", "quota", "model", "access", "server", "profile", "persona", "presence"})


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `key` names the command, `type` its first event, `by` who gave it: a person's id, 0 or 1 for the operator."""

    key: UUID
    position: int
    type: str
    stream: str
    by: int | None
    at: datetime
    taken_back: bool


async def lately(log: Log, *, by: Sequence[int], limit: int = 20) -> list[Change]:
    """The newest changes of these people that a command made, within the time in which one can be taken back, newest first."""
    query = Query(types=_types(), backwards=True, limit=LOOKED_AT, since=clock.now() - undo.WITHIN)
    found: list[Change] = []
    async for recorded in log.read(query):
        if recorded.event.doer in by and (change := await _change(log, recorded)) is not None:
            found.append(change)
            if len(found) == limit:
                break
    return found


async def of(log: Log, which: str) -> UUID:
    """The key of the change that an event belongs to, named by its position or id. Raises Rejected."""
    recorded: Recorded[Event] | None = None
    if which.isdigit():
        recorded = next(iter(await log.at([int(which)])), None)
    else:
        try:
            recorded = await log.find(UUID(which))
        except ValueError:
            raise Rejected(f"{which} is neither a position nor the id of an event.") from None
    key = recorded.row.correlation if recorded is not None else None
    if key is None or await log.row(event_id(key)) is None:
        raise Rejected(f"Event {which} is no change that can be taken back.")
    return key


async def take_back(log: Log, actor: Actor, key: UUID) -> Executed:
    """Take a change back and wait until read models show it. Raises Rejected with why it cannot be."""
    done = await undo.take_back(log, actor, key)
    types = {event.TYPE for event in done.events}
    if done.positions:
        await wait_for(log.pool, [p.name for p in registry.ALL if p.types & types], done.positions[-1], seconds=SEEN_S)
    return done


def _types() -> frozenset[str]:
    """Types of events that commands of people make, in the families whose commands can be taken back."""
    return frozenset(name for name, cls in all_types() if cls.DOER is not None and name.partition(".")[0] in _FAMILIES)


async def _change(log: Log, recorded: Recorded[Event]) -> Change | None:
    """The change whose first event this is; None for another event of one, and for what no command made."""
    row, key = recorded.row, recorded.row.correlation
    if key is None or event_id(key) != row.id:
        return None
    back = await log.row(event_id(undo.undo_key(key))) is not None
    return Change(key, row.position, row.type, row.stream, recorded.event.doer, row.recorded_at, back)
