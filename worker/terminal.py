"""What this room's commands share."""

from collections.abc import Sequence

from engine import ids
from engine.actor import operator
from engine.decide.command import Command
from engine.execute import Executed, execute
from engine.store import Log
from projections.terminal import CATCH_UP_SECONDS, OPERATOR, NotFound, with_log

__all__ = ["CATCH_UP_SECONDS", "OPERATOR", "NotFound", "carry_out", "with_log"]


async def carry_out(log: Log, command: Command, *, see: Sequence[str] = ()) -> Executed:
    """Carry out a command of the operator's: once for each time it was typed. Raises Rejected."""
    return await execute(log, operator(OPERATOR), command, ids.random_id(), see=see)
