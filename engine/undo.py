"""Taking back what somebody did, within a time, once, and only by whoever did it (C10)."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from engine import clock, ids
from engine.actor import Actor
from engine.decide.rejected import Rejected
from engine.execute import Executed, event_id, undo
from engine.store import Log

WITHIN = timedelta(days=30)
"""How long a change can be taken back, by the log's time."""


def undo_key(of: UUID) -> UUID:
    """The key of the command that takes back the one with this key: there is one, so that it is taken back once."""
    return ids.derived("undo", of)


async def take_back(log: Log, actor: Actor, of: UUID, *, see: Sequence[str] = ()) -> Executed:
    """Take back the command with the key `of`. Raises Rejected: it is not the actor's, too old, taken back already, or overtaken."""
    first = await log.find(event_id(of))
    if first is None:
        raise Rejected("There is nothing to take back.")
    if actor.kind == "person" and first.event.doer != actor.user_id:
        raise Rejected("Only whoever made this change can take it back.")
    if clock.now() - first.row.recorded_at > WITHIN:
        raise Rejected(f"It is more than {WITHIN.days} days old and cannot be taken back any more.")
    if await log.row(event_id(undo_key(of))) is not None:
        raise Rejected("It was taken back already.")
    return await undo(log, actor, of, undo_key(of), see=see)
