"""Sums of what calls cost are the same however the read model was made."""

from collections.abc import Sequence
from uuid import UUID, uuid5

import pytest

from engine import ids
from engine.events.base import Tags, user_subject
from engine.events.turn import Call, TurnCompleted, Usage
from engine.store import NewEvent, open_log
from engine.vault import MasterKey
from projections.follow import rebuild, verify
from projections.models.usage import USAGE


def _completed(number: int, cost: float | None) -> NewEvent:
    turn = uuid5(UUID(int=3), str(number))
    call = Call(call_id=turn, model="a/b", provider="p", scope="system", ms=12.0, usage=Usage(prompt_tokens=1, cost=cost))
    event = TurnCompleted(
        turn_id=turn,
        message_id=number + 1,
        channel_id=7,
        user_id=9,
        character_id=UUID(int=5),
        venue="discord",
        attempt=1,
        model="a/b",
        provider="p",
        finish_reason="stop",
        calls=(call,),
        text="",
    )
    return NewEvent(event, f"turn:{turn}", ids.terminal(turn), Tags(turn=turn), (user_subject(9),))


@pytest.mark.parametrize("costs", [(0.0,), (None,), (0.0, None), (None, 0.0, 1e-05), (2.0, 0.25)])
async def test_a_price_of_zero_sums_up_alike_event_by_event_and_at_once(dsn: str, costs: Sequence[float | None]) -> None:
    """Free, unpriced and tiny prices: to the last digit that is stored, so that a comparison of hashes means something."""
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log, log.pool.connection() as connection:
        await log.append(*(_completed(number, cost) for number, cost in enumerate(costs)))
        for schema in ("small", "big"):
            await rebuild.create(connection, USAGE, schema)
        await USAGE.fold(connection, "small", 0, len(costs), frozenset())
        await rebuild.load(connection, USAGE, "big", 0, len(costs))
        assert await verify.hashes(connection, "small") == await verify.hashes(connection, "big")
