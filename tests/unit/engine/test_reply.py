"""The versions of a reply, given what happened to it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ids
from engine.actor import operator, person
from engine.decide import reply
from engine.decide.rejected import Rejected
from engine.decide.reply import ChooseVersion, DeleteReply, EditReply, Regenerate, ReplyCommand, State
from engine.events.base import Event
from engine.events.reply import ReplyDeleted
from engine.events.turn import TurnCompleted, TurnFailed, TurnRequested

WREN = UUID(int=5)
FIRST = ids.turn(1, WREN)
ALICE = person(7)
_ENDS = {"turn_id": FIRST, "message_id": 1, "channel_id": 2, "user_id": 7, "character_id": WREN, "venue": "discord", "attempt": 1}


def ended(turn: UUID) -> TurnCompleted:
    fields = _ENDS | {"turn_id": turn, "model": "m", "provider": "p", "finish_reason": "stop", "text": f"by {turn}"}
    return TurnCompleted.model_validate(fields)


def failed(turn: UUID) -> TurnFailed:
    fields = _ENDS | {"turn_id": turn, "category": "timeout", "reference": "r", "user_message": "Sorry."}
    return TurnFailed.model_validate(fields)


def requested() -> TurnRequested:
    fields = {name: value for name, value in _ENDS.items() if name != "attempt"} | {"trigger": "name", "reason": "named"}
    return TurnRequested.model_validate(fields)


def answered() -> State:
    return reply.fold([requested(), ended(FIRST)])


def after(state: State, command: ReplyCommand) -> State:
    return reply.fold_on(state, reply.decide(state, command, ALICE))


def test_a_new_version_takes_the_place_of_the_old_one_when_it_is_there() -> None:
    """Until then the old one is shown, and nobody else may ask for another."""
    asked = after(answered(), Regenerate(1, WREN))
    assert asked.shown == (FIRST,)
    with pytest.raises(Rejected, match="being written"):
        reply.decide(asked, Regenerate(1, WREN), ALICE)
    second = ids.turn(1, WREN, 1)
    assert reply.evolve(asked, ended(second)).shown == (second,)


def test_a_failed_version_leaves_the_old_one_and_says_so() -> None:
    """The notice stands beside it until the next one."""
    second = ids.turn(1, WREN, 1)
    state = reply.evolve(after(answered(), Regenerate(1, WREN)), failed(second))
    assert state.shown == (FIRST, second)
    assert after(state, ChooseVersion(1, WREN, FIRST)).shown == (FIRST,)


def test_a_turn_that_still_runs_brings_no_deleted_reply_back() -> None:
    """Whoever deletes wins; choosing a version brings it back."""
    deleted = after(after(answered(), Regenerate(1, WREN)), DeleteReply(1, WREN))
    state = reply.evolve(deleted, ended(ids.turn(1, WREN, 1)))
    assert state.shown == ()
    assert after(state, ChooseVersion(1, WREN, FIRST)).shown == (FIRST,)


@given(st.integers(2, 6), st.data())
def test_deleting_one_version_shows_the_one_before_it(count: int, data: st.DataObject) -> None:
    """E6: variant max(i - 1, 1) of those left, and nothing is generated."""
    state = answered()
    for number in range(1, count):
        state = after(state, EditReply(1, WREN, text=f"words {number}"))
    gone = data.draw(st.sampled_from(state.versions))
    place = state.versions.index(gone)
    state = after(state, ChooseVersion(1, WREN, gone))
    events = reply.decide(state, DeleteReply(1, WREN, version=gone), ALICE)
    assert [type(event) for event in events] == [ReplyDeleted]
    left = [version for version in state.versions if version != gone]
    assert reply.fold_on(state, events).shown == (left[max(place - 1, 0)],)


@pytest.mark.parametrize("command", [Regenerate(1, WREN), EditReply(1, WREN, text="x"), DeleteReply(1, WREN)])
def test_only_the_author_and_the_trusted_may(command: ReplyCommand) -> None:
    """E2: somebody else is told why not; whoever runs the bot may."""
    with pytest.raises(Rejected, match="wrote the message"):
        reply.decide(answered(), command, person(8))
    assert reply.decide(answered(), command, operator())


@given(st.text(max_size=50))
def test_words_of_nothing_are_no_version(text: str) -> None:
    """An empty reply is never delivered."""
    if text.strip():
        assert after(answered(), EditReply(1, WREN, text=text)).live != FIRST
    else:
        with pytest.raises(Rejected):
            reply.decide(answered(), EditReply(1, WREN, text=text), ALICE)


def test_a_reply_that_is_not_there_cannot_be_changed() -> None:
    """Neither one that nobody asked for."""
    nothing: list[Event] = []
    with pytest.raises(Rejected):
        reply.decide(reply.fold(nothing), Regenerate(1, WREN), ALICE)
