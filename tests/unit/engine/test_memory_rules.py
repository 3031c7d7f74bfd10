"""What is remembered, corrected, locked and forgotten, and by whom (D9, D10)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID, uuid4

import pytest

from engine.actor import operator, person
from engine.decide.rejected import Rejected
from engine.decide.remembering import memory
from engine.decide.remembering.memory import (
    RULES,
    Begin,
    ChooseGeneration,
    ChooseReach,
    Correct,
    End,
    ForgetMemory,
    ForgetSaid,
    ForgetSpan,
    LockMemories,
    LockMemory,
    MemoryCommand,
    MemoryPlace,
    Remember,
)
from engine.events.base import Event
from engine.events.memory import MemoryCorrected, MemoryForgotten, MemoryLocked, MemoryNoted, SessionEnded, SessionStarted
from engine.events.message import MessageDeleted, MessageReceived

ADA, BRAM = 7, 8
ONE = UUID(int=1)
HERE = MemoryPlace("discord", channel=5, guild=6)
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SAID = MessageReceived(message_id=11, channel_id=5, author_id=BRAM, venue="discord", text="The boat is green.", author_name="Bram")


def done(events: Sequence[Event], command: MemoryCommand, by: int = ADA) -> list[Event]:
    """The events with those a command adds."""
    state = reduce(RULES.evolve, events, RULES.initial)
    return [*events, *RULES.decide(state, command, person(by))]


def remembered(**more: object) -> list[Event]:
    return done([], Remember(ONE, ADA, HERE, text="I like tea.", **more))  # type: ignore[arg-type]  # fields of the command


def test_a_memory_is_noted_once_and_changed_by_its_person_alone() -> None:
    """The same memory again changes nothing; others are told that it is not theirs, as if it were not there."""
    events = remembered()
    assert done(events, Remember(ONE, ADA, HERE, text="something else")) == events
    note = events[0]
    assert isinstance(note, MemoryNoted)
    assert (note.text, note.user_id, note.origin, note.subjects) == ("I like tea.", ADA, "manual", ("user:7",))
    for command in (Correct(ONE, "x"), LockMemory(ONE), ForgetMemory(ONE)):
        with pytest.raises(Rejected, match="not yours"):
            done(events, command, BRAM)
    with pytest.raises(Rejected, match="Only for yourself"):
        done([], Remember(ONE, ADA, HERE, text="Ada owes me money"), BRAM)


def test_what_somebody_else_said_stays_theirs() -> None:
    """Remembering another's message keeps who said it, and is sealed for both: it goes with whoever is erased first."""
    note = done([SAID], Remember(ONE, ADA, HERE, message=11))[-1]
    assert isinstance(note, MemoryNoted)
    assert (note.text, note.said_by, note.speaker) == ("The boat is green.", BRAM, "Bram")
    assert note.subjects == ("user:7", "user:8")
    assert [source.message_id for source in note.sources] == [11]
    for events, place in (
        ([SAID, MessageDeleted(message_id=11, channel_id=5, venue="discord")], HERE),
        ([SAID], MemoryPlace("discord", 99)),
    ):
        with pytest.raises(Rejected, match="not known here"):
            done(events, Remember(ONE, ADA, place, message=11))


def test_what_was_forgotten_stays_forgotten() -> None:
    """It cannot be corrected, remembered under the same name or undone; a locked one must be unlocked first."""
    locked = done(remembered(), LockMemory(ONE))
    with pytest.raises(Rejected, match="locked"):
        done(locked, ForgetMemory(ONE))
    gone = done(done(locked, LockMemory(ONE, False)), ForgetMemory(ONE))
    assert isinstance(gone[-1], MemoryForgotten)
    assert gone[-1].retires
    for command in (Correct(ONE, "x"), ForgetMemory(ONE), Remember(ONE, ADA, HERE, text="I like tea.")):
        with pytest.raises(Rejected, match="forgotten"):
            done(gone, command)
    state = reduce(RULES.evolve, gone, RULES.initial)
    with pytest.raises(Rejected, match="stays forgotten"):
        RULES.reverse(state, state, gone[-1])


def test_what_is_remembered_and_locked_in_one_act_is_taken_back_by_one() -> None:
    """One decision notes and locks, or locks what was noted before; nobody locks another's; one that was locked later stays locked."""
    pinned = remembered(locked=True)
    assert [type(event) for event in pinned] == [MemoryNoted, MemoryLocked]
    assert done(pinned, Remember(ONE, ADA, HERE, text="again", locked=True)) == pinned
    assert done(remembered(), Remember(ONE, ADA, HERE, text="again", locked=True))[1:] == pinned[1:]
    with pytest.raises(Rejected, match="not yours"):
        done(remembered(), Remember(ONE, ADA, HERE, text="again", locked=True), BRAM)
    states = [reduce(RULES.evolve, pinned[:number], RULES.initial) for number in range(3)]
    assert isinstance(done(pinned, RULES.reverse(states[0], states[2], pinned[0]))[-1], MemoryForgotten)
    with pytest.raises(Rejected, match="locked"):
        done(pinned, RULES.reverse(states[0], states[1], pinned[0]))


def test_all_that_one_act_locked_is_unlocked_by_one() -> None:
    """Only one's own, what stands, and what was otherwise before; what was locked all along stays so."""
    three = [MemoryNoted.model_validate(remembered()[0].model_dump() | {"memory_id": UUID(int=n)}) for n in (1, 2, 3)]
    before: list[Event] = [*three, MemoryLocked(memory_id=UUID(int=2), user_id=ADA, by_user_id=ADA, locked=True)]
    every = LockMemories(tuple(UUID(int=n) for n in (1, 2, 3, 4)))
    events = done(before, every)
    assert [(one.memory_id.int, one.locked) for one in events[4:] if isinstance(one, MemoryLocked)] == [(1, True), (3, True)]
    assert done(events, every) == events
    assert done(before, every, BRAM) == before
    states = [reduce(RULES.evolve, some, RULES.initial) for some in (before, events)]
    back = RULES.reverse(states[0], states[1], events[4])
    assert back == LockMemories((UUID(int=1), UUID(int=3)), locked=False)
    gone: list[Event] = [*events, MemoryForgotten(memory_id=UUID(int=3), user_id=ADA, by_user_id=ADA)]
    assert [one.memory_id.int for one in done(gone, back)[len(gone) :] if isinstance(one, MemoryLocked)] == [1]


def test_what_was_noted_of_a_message_is_taken_back_without_the_message() -> None:
    """Forgetting a note takes along what it was made of; taking back that it was noted leaves that as it was."""
    events = done([SAID], Remember(ONE, ADA, HERE, message=11))
    states = [reduce(RULES.evolve, events[:n], RULES.initial) for n in (1, 2)]
    [*_, back] = done(events, RULES.reverse(states[0], states[1], events[1]))
    [*_, forgotten] = done(events, ForgetMemory(ONE))
    assert [one.retires for one in (back, forgotten) if isinstance(one, MemoryForgotten)] == [False, True]


def test_a_session_that_was_ended_goes_on_when_that_is_taken_back() -> None:
    """From where it was ended, so nothing that was said between is remembered; two that were ended at once are begun anew by hand."""
    until = NOW + timedelta(hours=1)
    begun = done([], Begin(ADA, ONE, "incognito", NOW, until))
    ended = done(begun, End(ADA, "incognito", NOW + timedelta(minutes=5)))
    states = [reduce(RULES.evolve, some, RULES.initial) for some in (begun, ended)]
    [*_, again] = done(ended, RULES.reverse(states[0], states[1], ended[-1]))
    assert isinstance(again, SessionStarted)
    minutes = [(ms or 0) / 60_000 - NOW.timestamp() / 60 for ms in (again.since_ms, again.until_ms)]
    assert (again.kind, minutes) == ("incognito", [5, 60])
    two = done(begun, Begin(ADA, UUID(int=2), "incognito", NOW, until, UUID(int=9)))
    over = done(two, End(ADA, "incognito", NOW + timedelta(minutes=5)))
    states = [reduce(RULES.evolve, some, RULES.initial) for some in (two, over)]
    with pytest.raises(Rejected, match="Begin each again"):
        RULES.reverse(states[0], states[1], over[-1])


def test_a_correction_is_taken_back_by_another() -> None:
    """Undo leads to the text before; the same text again changes nothing."""
    events = done(remembered(), Correct(ONE, " I like coffee. "))
    assert isinstance(events[-1], MemoryCorrected)
    assert events[-1].text == "I like coffee."
    assert done(events, Correct(ONE, "I like coffee.")) == events
    before = reduce(RULES.evolve, events[:-1], RULES.initial)
    assert RULES.reverse(before, before, events[-1]) == Correct(ONE, "I like tea.")


@pytest.mark.parametrize("text", ["", "  \n ", "x" * (memory.LONGEST + 1)])
def test_a_memory_has_words_and_a_measure(text: str) -> None:
    """Nothing, and more than LONGEST characters, are told to the person."""
    with pytest.raises(Rejected):
        done([], Remember(ONE, ADA, HERE, text=text))


def test_sessions_replace_each_other_and_end() -> None:
    """Incognito with one character stands beside incognito with all; beginning again ends the one before."""
    wren, first, second, third = uuid4(), uuid4(), uuid4(), uuid4()
    events = done([], Begin(ADA, first, "incognito", NOW, NOW + timedelta(hours=1)))
    events = done(events, Begin(ADA, second, "incognito", NOW, None, wren))
    events = done(events, Begin(ADA, third, "incognito", NOW + timedelta(minutes=5)))
    assert [type(event) for event in events[2:]] == [SessionEnded, SessionStarted]
    assert {one.session_id for one in done(events, End(ADA, "incognito", NOW + timedelta(minutes=6)))[4:]} == {second, third}  # type: ignore[attr-defined]
    with pytest.raises(Rejected, match="not incognito"):
        done(done([], Begin(ADA, first, "incognito", NOW, NOW + timedelta(hours=1))), End(ADA, "incognito", NOW + timedelta(hours=2)))
    with pytest.raises(Rejected, match="over already"):
        done([], Begin(ADA, first, "fresh", NOW, NOW))


def test_people_say_what_is_remembered_of_themselves_only() -> None:
    """Spans, messages and reach of others are not theirs to choose; owners of the bot choose generations."""
    span = ForgetSpan(ADA, NOW - timedelta(minutes=15), NOW)
    assert len(done([], span)) == 1
    for command in (span, ChooseReach(ADA, "server"), Begin(ADA, uuid4(), "fresh", NOW), ForgetSaid(ADA, 11)):
        with pytest.raises(Rejected, match="yourself"):
            done([SAID], command, BRAM)
    with pytest.raises(Rejected, match="said yourself"):
        done([SAID], ForgetSaid(ADA, 11))
    assert len(done([SAID], ForgetSaid(BRAM, 11), BRAM)) == 2
    assert done(done([], ChooseReach(ADA, "server")), ChooseReach(ADA, "server")) == done([], ChooseReach(ADA, "server"))
    with pytest.raises(Rejected, match="owners"):
        done([], ChooseGeneration("summary", "x@1"))
    assert len(RULES.decide(RULES.initial, ChooseGeneration("summary", "x@1"), operator())) == 1
