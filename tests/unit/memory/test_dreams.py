"""Dreams hide only what another memory says as well, however near something else is, and little at a time (D15)."""

from datetime import UTC, datetime
from functools import reduce
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actor import operator, person
from engine.decide.rejected import Rejected
from engine.decide.remembering.dreaming import RULES, Dream, UndoDream, most
from engine.events.base import Event
from engine.events.memory import DreamUndone, MemoriesDreamed, MemoryForgotten, MemoryLocked, MemoryNoted
from projections.models.memories.noted import Note
from tests.support.examples import examples
from tests.unit.memory.support import WordEmbedder, index_of, memory
from worker.memory.ask import Query
from worker.memory.dreams import same, sense
from worker.memory.engine import Engine

ADA, BRAM = 7, 8
AT = datetime(2026, 3, 1, tzinfo=UTC)


def note(number: int, text: str, **more: object) -> Note:
    values: dict[str, object] = {
        "memory": UUID(int=number),
        "position": number,
        "person": ADA,
        "origin": "fact",
        "character": None,
        "channel": 5,
    }
    values |= {
        "guild": 6,
        "venue": "discord",
        "reach": "channel",
        "at": AT,
        "model": "m",
        "cost": None,
        "corrected": False,
        "locked": False,
    }
    return Note(**values | {"archived": False, "hidden": False, "text": text} | more)  # type: ignore[arg-type]  # fields of the note


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada lives in Oslo.", "Ada is living in Oslo!"),
        ("Anna spielt Geige.", "anna spielt geige"),
        ("她住在奥斯陆。", "她住在奥斯陆"),
    ],
)
def test_the_same_in_other_words_is_the_same(one: str, other: str) -> None:
    """Case, punctuation, articles and forms of "be" do not matter, in any language."""
    assert sense(one) == sense(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada has 3 cats.", "Ada has 4 cats."),
        ("Ada has three cats.", "Ada has two cats."),
        ("Ada likes tea.", "Ada does not like tea."),
        ("Ada likes tea.", "Ada never likes tea."),
        ("Ada's boat is green.", "Ada's boat is blue."),
        ("Ada moved to Oslo.", "Ada moved from Oslo."),
        ("Ada gave Bram a book.", "Bram gave Ada a book."),
        ("Ada lives in Oslo.", "Ada lived in Oslo."),
        ("Ada was in Oslo.", "Ada is in Oslo."),
        ("The meeting is on 3 May.", "The meeting is on 4 May."),
        ("Ada can swim.", "Ada can't swim."),
    ],
)
def test_what_differs_in_a_value_is_never_the_same(one: str, other: str) -> None:
    """However near: numbers, names, colours, negation, direction, who to whom, tense."""
    assert sense(one) != sense(other)


def test_what_was_replaced_or_holds_for_a_time_stands_for_nothing() -> None:
    """Of two homes of the same name the later one holds: the earlier, which another town came after, hides nothing."""
    later = note(3, "Ada lives in Oslo.")
    assert same([note(1, "Ada lives in Oslo.", replaced=True), later]) == []
    assert same([note(1, "Ada lives in Oslo.", until=AT), later]) == []
    assert same([note(1, "Ada lives in Oslo.", until=AT, ended=True), note(2, "Ada lives in Oslo.", until=AT)]) == []


def test_only_within_one_scope_and_never_what_a_hand_is_on() -> None:
    """Another person's, channel's or origin's memory is no duplicate; locked and corrected ones stay, and are what is kept."""
    notes = [
        note(1, "Ada likes tea."),
        note(2, "Ada likes tea", locked=True),
        note(3, "Ada likes tea!"),
        note(4, "Ada likes tea", channel=9),
    ]
    notes += [note(5, "Ada likes tea", person=BRAM), note(6, "Ada likes tea", origin="manual"), note(7, "Ada likes tea", corrected=True)]
    assert same(notes) == [(UUID(int=1), UUID(int=2)), (UUID(int=3), UUID(int=2))]


def noted(number: int, who: int = ADA) -> MemoryNoted:
    return MemoryNoted(memory_id=UUID(int=number), user_id=who, venue="discord", text="x")


def decided(events: list[Event], command: Dream | UndoDream, actor: object = None) -> list[Event]:
    state = reduce(RULES.evolve, events, RULES.initial)
    return list(RULES.decide(state, command, actor or operator()))  # type: ignore[arg-type]  # an actor


@examples(50)
@given(st.integers(0, 400), st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=30), st.sets(st.integers(1, 30)))
def test_a_dream_hides_at_most_its_share_of_what_stands(of: int, pairs: list[tuple[int, int]], locked: set[int]) -> None:
    """Never a locked, forgotten or strange memory, nor one in its own favour; undone by its person, and by nobody else."""
    events: list[Event] = [noted(number, BRAM if number % 7 == 0 else ADA) for number in range(1, 25)]
    events += [MemoryLocked(memory_id=UUID(int=one), user_id=ADA, by_user_id=ADA, locked=True) for one in sorted(locked)]
    events += [MemoryForgotten(memory_id=UUID(int=5), user_id=ADA, by_user_id=ADA)]
    command = Dream(UUID(int=99), ADA, tuple((UUID(int=a), UUID(int=b)) for a, b in pairs), of)
    made = decided(events, command)
    for one in made:
        assert isinstance(one, MemoriesDreamed)
        assert 0 < len(one.hidden) == len(one.kept) <= most(of)
        assert not {hidden.int for hidden in one.hidden} & (locked | {5, 7, 14, 21})
        assert all(hidden != kept and kept.int != 5 for hidden, kept in zip(one.hidden, one.kept, strict=True))
        assert decided([*events, one], command) == []
        [undone] = decided([*events, one], UndoDream(UUID(int=99)), person(ADA))
        assert isinstance(undone, DreamUndone)
        assert decided([*events, one, undone], UndoDream(UUID(int=99))) == []
        with pytest.raises(Rejected, match="no such dream"):
            decided([*events, one], UndoDream(UUID(int=99)), person(BRAM))


def test_fifty_dreams_over_a_thousand_memories_lose_no_answer() -> None:
    """Every second memory has a near-duplicate with another value and a true duplicate; each value's question is still answered first."""
    colours = ("green", "blue", "red", "white", "black")
    texts = list[str]()
    for number in range(250):
        boat = f"boat{number:03d}"
        texts += [
            f"The {boat} is {colours[number % 5]}.",
            f"The {boat} was {colours[(number + 1) % 5]}.",
            f"{boat} is {colours[number % 5]}",
        ]
        texts += [f"The {boat} has {number + 2} oars."]
    notes = [note(number, text) for number, text in enumerate(texts, start=1)]
    begun = {one.memory: one.text for one in notes}
    for _ in range(50):
        pairs = same(notes)[: most(len(notes))]
        assert len(pairs) <= 0.02 * len(notes)
        gone = {hidden for hidden, _ in pairs}
        assert all(sense(begun[hidden]) == sense(begun[kept]) for hidden, kept in pairs)
        notes = [one for one in notes if one.memory not in gone]
    assert len(notes) == 750
    engine = Engine(WordEmbedder())
    index = index_of(engine, [memory(one.position, one.text) for one in notes])
    for number in (0, 17, 101, 249):
        for question, value in (
            (f"Which colour is boat{number:03d} now?", colours[number % 5]),
            (f"How many oars has boat{number:03d}?", str(number + 2)),
        ):
            found = engine.recall(index, Query(question), 3).hits
            assert any(value in begun[UUID(int=int(hit.id[1:]))] for hit in found), question


def test_two_texts_of_no_words_are_not_the_same() -> None:
    """What has no words says nothing that could stand elsewhere."""
    assert same([note(1, "👍"), note(2, "🎉"), note(3, "..."), note(4, "the")]) == []
