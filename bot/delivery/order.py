"""Which answer of a channel is shown next: a conversation's in the order of the log (I11), those to one message by slot (A3). Pure."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from projections.models.deliveries import Delivery
from projections.models.turns import Turn

TURN_WAIT_S = 600.0
"""How long an answer waits for those before it to the same message."""


def first_ready(due: Sequence[Delivery], turns: Iterable[Turn], ended: Collection[UUID], now: datetime) -> Delivery | None:
    """The first of the due answers, which are in the order of the log, that waits for no other; None when all of them do.

    `turns` are all turns to the messages that the due ones answer, `ended` those whose delivery has its end. An answer waits for lower
    slots of its message, and for an earlier one of its character that waits. So nobody waits for a turn that is none of their business.
    """
    known = {turn.turn: turn for turn in turns}
    # Read models move one by one: a turn that has its end may not be due yet.
    unfinished = {turn.turn for turn in known.values() if turn.status != "cancelled"} - {*ended} | {delivery.turn for delivery in due}
    waiting: set[UUID] = set()
    for delivery in due:
        mine = known.get(delivery.turn)
        if delivery.character not in waiting and (mine is None or not _waits(mine, known.values(), unfinished, now)):
            return delivery
        waiting.add(delivery.character)
    return None


def _waits(mine: Turn, turns: Iterable[Turn], unfinished: set[UUID], now: datetime) -> bool:
    if mine.slot == 0 or (now - mine.requested_at).total_seconds() > TURN_WAIT_S:
        return False
    return any(t.message_id == mine.message_id and t.slot < mine.slot and t.epoch == mine.epoch and t.turn in unfinished for t in turns)
