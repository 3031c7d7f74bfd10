"""The versions of a reply, given what happened to it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ids
from engine.actor import operator, person
from engine.decide import reply
from engine.decide.rejected import Rejected
from engine.decide.reply import ChooseVersion, Continue, DeleteReply, EditReply, Regenerate, ReplyCommand, State
from engine.events.base import Event
from engine.events.reply import ReplyDeleted, ReplyRegenerated
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


@pytest.mark.parametrize("command", [Regenerate(1, WREN), Continue(1, WREN), EditReply(1, WREN, text="x"), DeleteReply(1, WREN)])
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


def gone_on() -> tuple[State, tuple[UUID, UUID]]:
    """A reply with a segment below it, and the two."""
    segment = ids.turn(1, WREN, 1)
    return reply.evolve(after(answered(), Continue(1, WREN)), ended(segment)), (FIRST, segment)


def test_a_segment_stands_below_its_version_and_goes_with_it() -> None:
    """E6: it is no version of its own; another version hides it, stepping back brings it back, and it can go alone."""
    state, (first, segment) = gone_on()
    assert (state.shown, state.versions) == ((first, segment), (first,))
    second = ids.turn(1, WREN, 2)
    again = reply.evolve(after(state, Regenerate(1, WREN)), ended(second))
    assert again.shown == (second,)
    assert after(again, ChooseVersion(1, WREN, first)).shown == (first, segment)
    alone = after(state, DeleteReply(1, WREN, version=segment))
    assert (alone.shown, alone.versions) == ((first,), (first,))
    assert after(state, DeleteReply(1, WREN)).shown == ()


def test_a_segment_of_a_version_that_was_left_meanwhile_is_not_shown() -> None:
    """Whoever steps on while it is written sees what they chose."""
    state = after(answered(), EditReply(1, WREN, text="words"))
    edited = state.live
    state = after(after(state, Continue(1, WREN)), ChooseVersion(1, WREN, FIRST))
    assert reply.evolve(state, ended(ids.turn(1, WREN, 1))).shown == (FIRST,)
    assert edited is not None
    assert after(reply.evolve(state, ended(ids.turn(1, WREN, 1))), ChooseVersion(1, WREN, edited)).shown == (edited, ids.turn(1, WREN, 1))


def test_nothing_is_gone_on_with_where_nothing_stands() -> None:
    """Nor while another answer is written, nor after the reply was deleted."""
    for state in (reply.fold([requested()]), after(answered(), Regenerate(1, WREN)), after(answered(), DeleteReply(1, WREN))):
        with pytest.raises(Rejected):
            reply.decide(state, Continue(1, WREN), ALICE)


def test_a_wish_is_one_line_and_bounded() -> None:
    """It is told to the model, not to the channel."""
    (asked, _) = reply.decide(answered(), Regenerate(1, WREN, wish=" shorter,\n please "), ALICE)
    assert isinstance(asked, ReplyRegenerated)
    assert asked.wish == "shorter, please"
    with pytest.raises(Rejected, match="500"):
        reply.decide(answered(), Regenerate(1, WREN, wish="x" * 501), ALICE)


def test_a_removed_version_comes_back_where_it_stood() -> None:
    """Versions are in the order of the log, whatever was removed in between."""
    state = after(answered(), EditReply(1, WREN, text="second"))
    second = state.live
    state = after(after(state, EditReply(1, WREN, text="third")), DeleteReply(1, WREN, version=FIRST))
    assert state.versions[0] == second
    assert after(state, ChooseVersion(1, WREN, FIRST)).versions[:2] == (FIRST, second)


def undone(state: State, command: ReplyCommand, acts: State) -> State:
    """The state after a command and its undoing. `acts` is the state as the reply's own stream tells it, without its turns."""
    (event,) = reply.decide(state, command, ALICE)
    return after(reply.evolve(state, event), reply.reverse(acts, reply.evolve(acts, event), event))


def test_what_people_did_is_taken_back() -> None:
    """Also a choice that brought a deleted reply back, and one away from an answer that only the turn's own stream tells of."""
    second = ids.turn(1, WREN, 1)
    (asked, turn) = reply.decide(answered(), Regenerate(1, WREN), ALICE)
    state, acts = reply.fold_on(answered(), [asked, turn, ended(second)]), reply.fold([asked])
    for command in (ChooseVersion(1, WREN, FIRST), DeleteReply(1, WREN), EditReply(1, WREN, text="x"), DeleteReply(1, WREN, second)):
        assert undone(state, command, acts).shown == (second,)
    gone = reply.decide(state, DeleteReply(1, WREN), ALICE)
    closed, acts = reply.fold_on(state, gone), reply.fold_on(acts, gone)
    assert undone(closed, ChooseVersion(1, WREN, FIRST), acts).shown == ()


@pytest.mark.parametrize("command", [Regenerate(1, WREN), Continue(1, WREN), DeleteReply(1, WREN, FIRST)])
def test_what_cannot_be_taken_back_says_what_to_do(command: ReplyCommand) -> None:
    """A sentence, and nothing that only looks like success."""
    state = after(answered(), EditReply(1, WREN, text="shown"))
    event = reply.decide(state, command, ALICE)[0]
    with pytest.raises(Rejected, match=r"[Cc]hoose"):
        reply.reverse(state, reply.evolve(state, event), event)
