"""Who speaks where several are activated (A4): addressed before mentioned, four strategies, rolls that follow from the event's id."""

from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.speaking.draft import LONGEST, Member, Rolls, draft
from engine.events.message import Drawn
from engine.resources.channel import Strategy
from tests.support.examples import examples

LILITH, OSRIC, MIMI = (UUID(int=n) for n in range(1, 4))
SEED = UUID(int=77)
STRATEGIES: tuple[Strategy, ...] = ("natural", "list", "pooled", "manual")


def trio(talk: float = 0.5) -> list[Member]:
    return [
        Member(LILITH, ("Lilith of the Moon", "Lil"), talk),
        Member(OSRIC, ("Osric", "keeper"), talk),
        Member(MIMI, ("ミミ",), talk),
    ]


def speaking(found: list[Drawn]) -> list[UUID]:
    return [one.character_id for one in found if one.why not in ("silent", "spoke")]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("Osric, what do you think of Lilith?", [OSRIC]),
        ("what do you think, Osric?", [OSRIC]),
        ("Lil: come here", [LILITH]),
        ("hello Lil, hello keeper, hello all", [LILITH, OSRIC]),
        ("“Osric” come", [OSRIC]),
        ("*osric*", [OSRIC]),
        ("ねえ ミミ、来て", [MIMI]),
        ("lilith of the moon: sing", [LILITH]),
    ],
)
def test_who_is_called_by_name_speaks_alone_under_every_strategy(strategy: Strategy, text: str, called: list[UUID]) -> None:
    """A name first or last, or before a comma or a colon; somebody else's name in the text makes nobody else answer."""
    found = draft(trio(talk=1.0), text, strategy, SEED)
    assert speaking(found) == called
    assert {one.character_id for one in found} == {LILITH, OSRIC, MIMI}


@pytest.mark.parametrize("text", ["I saw osric there", "the moon is out", "no lilith here tonight"])
def test_a_name_in_mid_sentence_only_mentions(text: str) -> None:
    """Who is mentioned answers first, and the others still may."""
    found = draft(trio(talk=0.0), text, "natural", SEED)
    assert [one.why for one in found if one.why == "mentioned"] == ["mentioned"]
    assert len(speaking(draft(trio(talk=1.0), text, "natural", SEED))) == 3


@pytest.mark.parametrize("text", ["Osrics, come", "xosric", "lilithium"])
def test_a_piece_of_a_word_is_no_name(text: str) -> None:
    """Only whole words count."""
    assert all(one.why in ("random", "silent") for one in draft(trio(talk=0.0), text, "natural", SEED))


def test_the_talkative_always_join_and_the_silent_never_by_themselves() -> None:
    """1: always. 0: only when called or named, or when all are at 0 and somebody must."""
    members = [Member(LILITH, ("Lilith",), 1.0), Member(OSRIC, ("Osric",), 0.0), Member(MIMI, ("Mimi",), 1.0)]
    for n in range(200):
        assert set(speaking(draft(members, "what now", "natural", UUID(int=n)))) == {LILITH, MIMI}


def test_somebody_always_answers_in_natural_order() -> None:
    """When nobody joins in, one is drawn: among those above 0, else among all, each about as often."""
    none = Counter(speaking(draft(trio(0.0), "what now", "natural", UUID(int=n)))[0] for n in range(600))
    assert set(none) == {LILITH, OSRIC, MIMI}
    assert min(none.values()) > 150
    one = [Member(LILITH, ("Lilith",), 0.000001), Member(OSRIC, ("Osric",), 0.0)]
    assert {speaking(draft(one, "what now", "natural", UUID(int=n)))[0] for n in range(100)} == {LILITH}


def test_half_talkative_members_join_about_half_of_the_time() -> None:
    """The share that joins is the talkativeness; the order differs."""
    found = [draft(trio(0.5), "what now", "natural", UUID(int=n)) for n in range(2000)]
    joined = sum(one.why == "talkative" for each in found for one in each)
    assert 2700 < joined < 3300
    assert len({tuple(speaking(each)) for each in found}) > 10


def test_list_is_all_in_their_order_and_manual_is_nobody() -> None:
    """Without a call."""
    assert speaking(draft(trio(0.0), "what now", "list", SEED)) == [LILITH, OSRIC, MIMI]
    assert speaking(draft(trio(1.0), "what now", "manual", SEED)) == []


def test_pooled_is_one_who_has_not_spoken_since_a_person_did() -> None:
    """When everybody has, one of all but the last speaker."""
    for n in range(100):
        seed = UUID(int=n)
        assert speaking(draft(trio(), "", "pooled", seed, [LILITH, OSRIC])) == [MIMI]
        assert speaking(draft(trio(), "", "pooled", seed, [MIMI, LILITH, OSRIC]))[0] in (LILITH, MIMI)
    assert {speaking(draft(trio(), "what now", "pooled", UUID(int=n)))[0] for n in range(100)} == {LILITH, OSRIC, MIMI}


def test_who_spoke_last_does_not_answer_itself() -> None:
    """Natural order bars the speaker of the text."""
    found = draft(trio(1.0), "I am Osric of the tower", "natural", SEED, [LILITH, OSRIC])
    assert set(speaking(found)) == {LILITH, MIMI}
    assert [one.character_id for one in found if one.why == "spoke"] == [OSRIC]


NAMES = st.text(min_size=1, max_size=100)


@examples(60)
@given(
    members=st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=3), st.floats(0, 1)), max_size=6),
    text=st.text(max_size=200),
    strategy=st.sampled_from(STRATEGIES),
    seed=st.uuids(),
    called=st.integers(0, 5),
)
def test_any_draft_names_each_member_once_and_is_repeatable(
    members: list[tuple[list[str], float]], text: str, strategy: Strategy, seed: UUID, called: int
) -> None:
    """Whatever the names and the text are: the same again, nobody twice, and natural order never leaves a message unanswered."""
    some = [Member(UUID(int=n), tuple(names), talk) for n, (names, talk) in enumerate(members)]
    text = text + some[called].names[0] if called < len(some) else text
    found = draft(some, text, strategy, seed)
    assert found == draft(some, text, strategy, seed)
    assert sorted(one.character_id for one in found) == [one.id for one in some]
    assert not some or strategy == "manual" or speaking(found)
    assert all(one.roll is None or 0 <= one.roll < 1 for one in found)


def test_a_long_text_of_names_is_looked_at_once() -> None:
    """A text of nothing but a name, far beyond what one message holds, costs no more than its bound."""
    assert speaking(draft([Member(LILITH, ("a",)), Member(OSRIC, ("b" * 100,))], "a" * LONGEST * 50, "manual", SEED)) == []


def test_rolls_are_the_same_on_every_machine() -> None:
    """From the seed alone: these numbers stand in logs."""
    rolls = Rolls(UUID(int=1))
    assert [round(rolls.next(), 6) for _ in range(3)] == FIRST


FIRST = [0.601907, 0.578373, 0.623033]
