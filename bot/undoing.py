"""Changes that can be taken back: which there were lately, and taking one back. What the command line and the console share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from engine import clock, undo
from engine.actor import Actor
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.execute import Executed, event_id
from engine.outside import numbers
from engine.store import Log, Query, Recorded
from engine.store.progress import wait_for
from projections import registry
from projections.follow import runner
from projections.models import changes
from projections.models.changes import CHANGES

LOOKED_AT = 2_000
"""Events that are looked through for changes the read model does not know yet."""
SEEN_S = 2.0


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
    async with log.pool.connection() as connection:
        standing = next((one.position for one in await runner.progress(connection) if (one.name, one.role) == ("changes", "live")), None)
        known = [] if standing is None else await changes.newest(connection, by)
    # What the read model does not know yet is looked for in the log itself: that is a moment's, unless nothing follows it.
    late = Query(types=CHANGES.types, backwards=True, after=standing or 0, limit=LOOKED_AT)
    firsts = [recorded async for recorded in log.read(late) if recorded.event.doer in by]
    since, found = clock.now() - undo.WITHIN, dict[UUID, Change]()
    for key in [*(recorded.row.correlation for recorded in firsts), *known]:
        recorded = await log.find(event_id(key)) if key is not None and key not in found else None
        if recorded is not None and recorded.row.recorded_at >= since and recorded.event.doer in by:
            found[recorded.row.correlation or recorded.row.id] = await _change(log, recorded)
        if len(found) == limit:
            break
    return list(found.values())


async def of(log: Log, which: str) -> UUID:
    """The key of the change that an event belongs to, named by its position or id. Raises Rejected."""
    recorded: Recorded[Event] | None = None
    if (position := numbers.whole(which)) is not None:
        recorded = next(iter(await log.at([position])), None)
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


async def _change(log: Log, recorded: Recorded[Event]) -> Change:
    """The change whose first event this is."""
    row = recorded.row
    key = row.correlation or row.id
    back = await log.row(event_id(undo.undo_key(key))) is not None
    return Change(key, row.position, row.type, row.stream, recorded.event.doer, row.recorded_at, back)
