"""Working through a conversation until nothing of it waits."""

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from projections.live import leases
from worker.calm import Calm
from worker.turn import context, conversation
from worker.turn.conversation import Outcome, work_through
from worker.work import Conversations, Work

WREN, TURN = UUID(int=1), UUID(int=2)


async def test_a_wake_up_that_came_meanwhile_is_looked_after_before_one_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was acknowledged because this process is at work there; the read model may not have shown its turn yet."""
    work = cast(Work, SimpleNamespace(conversations=Conversations(), calm=Calm()))
    looked: list[int] = []

    async def taken_up(_: Work, channel: int, character: UUID, turn: UUID, newest: int) -> Outcome:
        looked.append(newest)
        if newest == 10:
            assert await work_through(work, channel, character, turn, 20) is Outcome.ELSEWHERE
        return Outcome.QUIET

    async def nothing(*_: Any) -> None:
        """No turn waits as far as the read model shows; nothing is at hand."""

    monkeypatch.setattr(conversation, "_taken_up", taken_up)
    monkeypatch.setattr(conversation, "_next", nothing)
    monkeypatch.setattr(context, "ahead", nothing)
    assert await work_through(work, 5, WREN, TURN, 10) is Outcome.QUIET
    assert looked == [10, 20]
    assert work.conversations.enter(leases.conversation(5, WREN), 30), "it was left"
