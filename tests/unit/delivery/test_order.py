"""Which answer of a channel comes next: nobody's is overtaken by their own, and nobody waits for what is none of their business."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from bot.delivery.order import TURN_WAIT_S, first_ready
from engine.events.reply import Chunk
from projections.models.deliveries import Delivery
from projections.models.turns import Turn

ASKED = datetime(2026, 11, 29, 3, tzinfo=UTC)
SOON, LATE = (ASKED + timedelta(seconds=TURN_WAIT_S + more) for more in (-1, 1))
ADA, BEN, CEM = (UUID(int=n) for n in (1, 2, 3))
NO_CHUNKS: tuple[Chunk, ...] = ()
NOTHING = (None, None, None, None, None, None, None, None, None)


def turn(character: UUID, message: int, slot: int = 0, status: str = "pending", epoch: int = 0) -> Turn:
    of = UUID(int=character.int * 100 + message * 10 + epoch)
    return Turn(of, message, 7, None, 5, character, "discord", "name", "named", slot, epoch, 1, ASKED, status, 1, *NOTHING)


def due(one: Turn) -> Delivery:
    position = one.message_id * 10 + one.slot
    return Delivery(
        one.turn, "discord", 7, None, one.character, 5, one.message_id, "reply", "due", position, ASKED, None, NO_CHUNKS, {}, None, None
    )


FIRST, SECOND = turn(ADA, 1), turn(BEN, 1, slot=1)
NEXT, OTHER = turn(BEN, 2), turn(CEM, 2)


@pytest.mark.parametrize(
    ("waiting", "turns", "ended", "now", "ready"),
    [
        ([FIRST, SECOND], [FIRST, SECOND], [], SOON, FIRST),
        ([SECOND], [FIRST, SECOND], [], SOON, None),
        ([SECOND, NEXT], [FIRST, SECOND, NEXT], [], SOON, None),
        ([SECOND, NEXT, OTHER], [FIRST, SECOND, NEXT, OTHER], [], SOON, OTHER),
        ([SECOND, NEXT], [FIRST, SECOND, NEXT], [], LATE, SECOND),
        ([SECOND], [FIRST, SECOND], [FIRST], SOON, SECOND),
        ([SECOND], [turn(ADA, 1, status="cancelled"), SECOND], [], SOON, SECOND),
        ([SECOND], [turn(ADA, 1, status="completed"), SECOND], [], SOON, None),
        ([SECOND], [turn(ADA, 1, epoch=1), SECOND], [], SOON, SECOND),
        ([SECOND], [turn(ADA, 3), SECOND], [], SOON, SECOND),
        ([NEXT], [], [], SOON, NEXT),
        ([], [FIRST], [], SOON, None),
    ],
)
def test_who_is_next(waiting: Sequence[Turn], turns: Sequence[Turn], ended: Sequence[Turn], now: datetime, ready: Turn | None) -> None:
    """Lower slots of the same message first, for ten minutes; a character's own answers in the order of the log; all others at once."""
    found = first_ready([due(one) for one in waiting], turns, {one.turn for one in ended}, now)
    assert (found.turn if found is not None else None) == (ready.turn if ready is not None else None)
