"""What is made of a model's list of facts, and which fact takes which one's place."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from engine.events.memory import MemoryNoted
from projections.models.memories.groups import Spoken
from projections.prompt.sections.remembered import Content
from worker.jobs import facts
from worker.jobs.facts import HeldFact
from worker.jobs.reading import Line

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def line(number: int, kind: str = "message", author: str = "human") -> Line:
    spoken = Spoken(number + 1, str(number + 1), kind, 100 + number, None, None, 41, author)
    at = BEGAN + timedelta(minutes=number)
    return Line(spoken, Content(spoken.ref, number + 1, f"line {number}", at, "said", "Ada", 501))


LINES = [line(0), line(1, "reply"), line(2, author="bot"), line(3)]
ABOUT: dict[str, Any] = {"venue": "discord", "channel_id": 501, "model": "m"}


def found(*listed: object) -> list[MemoryNoted]:
    return facts.facts_of({"facts": list(listed)}, LINES, ABOUT, lambda number: UUID(int=number))


def test_only_a_persons_own_line_makes_a_fact() -> None:
    """Whatever else stands in the list is left out, and what is odd in a fact is as if it were not said."""
    odd: list[object] = [
        None,
        7,
        "x",
        [],
        {},
        {"line": 0},
        {"fact": "x"},
        {"line": True, "fact": "x"},
        {"line": 9, "fact": "x"},
        {"line": -1, "fact": "x"},
    ]
    assert found(*odd, {"line": 1, "fact": "said by a character"}, {"line": 2, "fact": "said by a bot"}, {"line": 0, "fact": " \n"}) == []
    [one] = found({"line": 3, "fact": " Ada  sails. ", "about": ["Halcyon", 3, " ", "Halcyon"], "slot": ["x"], "weight": 7})
    assert (one.text, one.entities, one.slot, one.salience) == ("Ada  sails.", ("Halcyon",), "", 0.5)
    assert (one.sources[0].message_id, one.user_id, one.at_ms) == (103, 41, LINES[3].at_ms)
    assert facts.facts_of({"facts": "none"}, LINES, ABOUT, lambda number: UUID(int=number)) == []
    assert len(found(*[{"line": 0, "fact": f"fact {number}"} for number in range(50)])) == facts.MOST_FACTS


def test_a_slot_has_one_spelling() -> None:
    called = ("Home.", " home ", '"HOME"', "Ada's current residence", "pet's  name", "name_of_the_pets")
    slots = [one.slot for one in found(*({"line": 0, "fact": "x", "slot": slot} for slot in called))]
    assert slots == ["home"] * 4 + ["name pet"] * 2


def test_a_fact_holds_until_the_end_of_the_day_that_is_named() -> None:
    """What is no day is as if it were not said; what was over when it was said says nothing of what is now, so it has no slot."""
    days = ("2026-03-05", "2026-03-05T10:00", "", "Friday", None, 7, "9999-12-31", "2026-02-28")
    facts_of = found(*({"line": 0, "fact": "x", "slot": "home", "until": day} for day in days))
    fifth = int(datetime(2026, 3, 6, tzinfo=UTC).timestamp() * 1000)
    assert [(one.slot, one.until_ms) for one in facts_of] == [("home", fifth)] * 2 + [("home", None)] * 5 + [("", None)]


def test_what_takes_a_place_takes_that_of_all_before_it() -> None:
    """So none of them comes back when the one between is taken back; what holds for a time keeps nothing older out."""
    kept = facts.settled([note(number, 1, "home", number) for number in (1, 2, 3)], [])
    assert [one.supersedes for one in kept] == [(), (UUID(int=1),), (UUID(int=1), UUID(int=2))]
    passing = HeldFact(UUID(int=9), 1, "home", 5, until_ms=6)
    assert [one.supersedes for one in facts.settled([note(1, 1, "home", 1)], [passing])] == [()]
    assert facts.settled([note(1, 1, "home", 1)], [HeldFact(UUID(int=9), 1, "home", 5)]) == []
    assert facts.settled([note(1, 1, "home", 7)], [passing])[0].supersedes == (UUID(int=9),)


def note(number: int, person: int, slot: str, at: int) -> MemoryNoted:
    more = {"memory_id": UUID(int=number), "user_id": person, "origin": "fact", "slot": slot, "at_ms": at, "text": "x"}
    return MemoryNoted.model_validate(ABOUT | more)


PEOPLE, SLOTS, TIMES = st.integers(1, 2), st.sampled_from(["", "home", "job"]), st.integers(0, 5)
HELD = st.lists(st.tuples(PEOPLE, st.sampled_from(["home", "job"]), TIMES, st.booleans()), max_size=4)
NEW = st.lists(st.tuples(PEOPLE, SLOTS, TIMES), max_size=6)


@given(HELD, NEW)
def test_the_latest_of_a_slot_stands_and_no_model_moves_a_persons_hand(
    held: list[tuple[int, str, int, bool]], new: list[tuple[int, str, int]]
) -> None:
    """Nothing of another person or slot is touched, and what has no slot is always noted, for nobody's place."""
    known = [HeldFact(UUID(int=100 + number), *one) for number, one in enumerate(held)]
    notes = [note(number, *one) for number, one in enumerate(new)]
    kept = facts.settled(notes, known)
    of = {one.memory: (one.person, one.slot, one.at_ms) for one in known} | {
        one.memory_id: (one.user_id, one.slot, one.at_ms) for one in notes
    }
    gone = {old for one in kept for old in one.supersedes}
    for one in kept:
        assert all(of[old][:2] == (one.user_id, one.slot) and of[old][2] < one.at_ms for old in one.supersedes)
    assert not gone & {one.memory for one in known if one.by_hand}
    assert {one.memory_id for one in notes if not one.slot} <= {one.memory_id for one in kept} - gone
    for person, slot in {(one.user_id, one.slot) for one in kept if one.slot}:
        standing = [one for one in kept if (one.user_id, one.slot) == (person, slot) and one.memory_id not in gone]
        assert len({one.at_ms for one in standing}) == 1
        latest = max(one.at_ms for one in (*kept, *notes) if (one.user_id, one.slot) == (person, slot))
        assert standing[0].at_ms == latest
    again = facts.settled(kept, [*known, *facts.as_held(kept)])
    assert [one.memory_id for one in again if one.memory_id not in gone] == [one.memory_id for one in kept if one.memory_id not in gone]
