"""Fifty acts on one reply in any order (E3): whatever people do with it, exactly one version of it is shown, or it is deleted."""

from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.actor import person
from engine.decide import reply
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.turn import TurnCompleted, TurnFailed, TurnRequested
from engine.execute import rules_of

WREN = UUID(int=1)
FIRST = reply.first_turn(10, WREN)
OURS: dict[str, Any] = {"message_id": 10, "channel_id": 11, "user_id": 5, "character_id": WREN, "venue": "discord"}
ASKED = TurnRequested.model_validate(OURS | {"turn_id": FIRST, "trigger": "name", "reason": "named"})
ACTS = st.sampled_from(["regenerate", "continue", "edit", "delete", "drop", "choose", "answer", "answer", "fail", "again", "restart"])


def completed(turn: UUID) -> TurnCompleted:
    return TurnCompleted.model_validate(
        OURS | {"turn_id": turn, "attempt": 1, "model": "m", "provider": "p", "finish_reason": "stop", "text": "t"}
    )


def failed(turn: UUID) -> TurnFailed:
    more = {"turn_id": turn, "attempt": 1, "category": "timeout", "reference": "abc", "user_message": "Sorry."}
    return TurnFailed.model_validate(OURS | more)


def command(act: str, state: reply.State, number: int) -> reply.ReplyCommand | None:
    """What a person does; `number` chooses among versions."""
    of = (10, WREN)
    chosen = state.made[number % len(state.made)] if state.made else FIRST
    match act:
        case "regenerate" | "again":
            return reply.Regenerate(*of)
        case "continue":
            return reply.Continue(*of)
        case "edit":
            return reply.EditReply(*of, text=f"words {number}")
        case "delete":
            return reply.DeleteReply(*of)
        case "drop":
            return reply.DeleteReply(*of, version=chosen)
        case "choose":
            return reply.ChooseVersion(*of, version=chosen)
        case _:
            return None


@settings(max_examples=60)
@given(st.lists(st.tuples(ACTS, st.integers(0, 9)), max_size=50))
def test_fifty_acts_in_any_order_leave_exactly_one_version_shown(acts: list[tuple[str, int]]) -> None:
    """Restarts included: the state folded anew from the log is the state there was; never two turns are under way; nothing is generated
    by deleting or stepping."""
    told: list[Event] = [ASKED, completed(FIRST)]
    state = reply.fold(told)
    for act, number in acts:
        before = state
        made: list[Event] = []
        wanted = command(act, state, number)
        if wanted is not None:
            try:
                made = list(rules_of(wanted).decide(state, wanted, person(5)))
            except Rejected:
                made = []
        elif act in ("answer", "fail") and state.pending:
            turn = min(state.pending)
            made = [completed(turn) if act == "answer" else failed(turn)]
        told += made
        state = reply.fold(told) if act == "restart" else reply.fold_on(state, made)
        assert state == reply.fold(told)
        assert len(state.pending) <= 1, "one in flight per reply"
        shown = [version for version in state.shown if version in state.made]
        assert shown == ([] if state.closed else [state.live])
        assert state.closed or state.live in state.versions, "what is shown was not removed"
        assert len(set(state.made)) == len(state.made)
        if act in ("delete", "drop", "choose", "edit"):
            assert state.pending == before.pending, "only regenerating and going on ask a model"
