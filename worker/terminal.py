"""What this room's commands share."""

from engine import ids
from engine.events import Event
from engine.store import Log, NewEvent
from projections.terminal import CATCH_UP_SECONDS, OPERATOR, NotFound, with_log

__all__ = ["CATCH_UP_SECONDS", "OPERATOR", "NotFound", "tell", "with_log"]


async def tell(log: Log, event: Event, stream: str) -> None:
    """Append an event of the operator's."""
    await log.append(NewEvent(event, stream=stream, id=ids.random_id()))
