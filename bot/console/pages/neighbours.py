"""The filter of turns that an address names, and the turns before and after one within it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from bot.console.filters import Filters
from bot.console.people import filters
from bot.console.state import Console
from projections.models import timeline
from projections.models.turns import Turn

ENDS = {"completed": "turn.completed", "failed": "turn.failed", "cancelled": "turn.cancelled", "declined": "turn.declined"}

OUTCOMES = {"completed": "Completed", "failed": "Failed", "cancelled": "Cancelled", "declined": "Silent", "pending": "Not over yet"}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The turn that is older and the one that is newer; `query` is the filter, as it stands in their addresses."""

    older: UUID | None = None
    newer: UUID | None = None
    query: str = ""


async def asked_for(console: Console, parameters: Mapping[str, str]) -> tuple[Filters, str]:
    """The filter of an address, and the outcome in it."""
    asked = await filters(console, parameters)
    status = (parameters.get("status") or parameters.get("outcome") or "").strip()
    if status and status not in OUTCOMES:
        asked = replace(asked, wrong={**asked.wrong, "status": f"There is no such outcome. There are: {', '.join(OUTCOMES)}."})
    return asked, status if status in OUTCOMES else ""


def types_of(asked: Filters, status: str) -> frozenset[str]:
    """The events by which turns are listed: those still running appear when nothing is asked that only an end can tell. Pure."""
    only_ends = asked.wanted.category or asked.wanted.model
    return frozenset({ENDS[status]} if status in ENDS else set(ENDS.values()) if only_ends else {"turn.requested"})


async def neighbours(console: Console, asked: Filters, status: str, turn: Turn) -> Neighbours:
    """Those of a turn in the list that the filter makes."""
    if asked.wrong:
        return Neighbours()
    wanted = replace(asked.wanted, types=types_of(asked, status), turn=None)
    at = turn.position if wanted.types == {"turn.requested"} else turn.ended_position or turn.position
    async with console.log.pool.connection() as connection:
        before = (await timeline.page(connection, wanted, before=at, limit=1)).entries
        after = await timeline.next_after(connection, wanted, at)
    return Neighbours(before[0].turn if before else None, after.turn if after else None, asked.query(status=status))
