"""Traits of texts, kinds of questions, sectors, passages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.remembering import sectors
from worker.memory import passages, traits


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Where is it?", True),
        ("Where is it? [shares a photo of a dog]", True),
        ("元気ですか？", True),
        ("كيف حالك؟", True),
        ("Where is it? Here.", False),
        ("", False),
    ],
)
def test_a_turn_that_ends_in_a_question_asks(text: str, asks: bool) -> None:
    """The last mark decides; a note about an image after it does not count."""
    assert traits.read(text).asks == asks


def test_names_are_capitalised_words_inside_sentences() -> None:
    """The first word of a sentence is no name for being capitalised."""
    assert traits.names("Hey Mel! We saw Paris, France. Tomorrow Åsa comes") == ["Mel", "Paris", "France", "Åsa"]


@pytest.mark.parametrize(
    ("question", "wants"),
    [
        ("Who came along?", (True, False, False)),
        ("When did it rain?", (False, False, True)),
        ("How many dogs are there?", (False, True, False)),
        ("How long did it take?", (False, True, True)),
        ("What did she say?", (False, False, False)),
        ("I told you when", (False, False, True)),
    ],
)
def test_a_question_says_what_kind_of_answer_it_wants(question: str, wants: tuple[bool, bool, bool]) -> None:
    """(name, number, time)."""
    assert tuple(traits.wants(question)) == wants


@given(st.text())
def test_any_text_has_traits_and_a_sector(text: str) -> None:
    """Nothing a person can type breaks the reading."""
    assert all(0 <= value <= traits.MOST_NAMES for value in traits.read(text))
    assert sectors.classify(text) in ("episodic", "semantic", "procedural", "emotional", "reflective")


@pytest.mark.parametrize(
    ("text", "sector"),
    [
        ("Yesterday I went to the sea", "episodic"),
        ("How to install it: first click, then press", "procedural"),
        ("I feel so happy and excited", "emotional"),
        ("the kettle", "semantic"),
    ],
)
def test_sectors_label_what_a_text_is_about(text: str, sector: str) -> None:
    """Signs are counted; without any the label is semantic."""
    assert sectors.classify(text) == sector


@given(st.lists(st.sampled_from(["word", "sentence. ", "line\n", "para\n\n", " ", "漢字。", "x" * 50]), max_size=400).map("".join))
def test_passages_lose_nothing_but_white_space(text: str) -> None:
    """Together the passages are the text, and none is longer than its limit (short texts stay whole)."""
    found = passages.split(text)
    assert all(len(passage) <= passages.TARGET for passage in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_an_endless_text_gives_a_bounded_number_of_passages() -> None:
    """A megabyte is cut off where the limit says."""
    assert len(passages.split("y" * 1_000_000)) == passages.MOST
