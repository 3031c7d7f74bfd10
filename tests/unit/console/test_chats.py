"""Conversations of the playground as a whole: what may be done with them, and finding words in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.pages.chats import AROUND, found_in
from engine.actor import operator, person
from engine.decide.rejected import Rejected
from engine.decide.speaking import chat
from engine.decide.speaking.chat import ChatCommand, Delete, Restore, State, Title
from engine.events.playground.chat import LONGEST_TITLE
from tests.support.examples import examples

COMMANDS = st.one_of(
    st.builds(Title, st.just(7), st.text(max_size=LONGEST_TITLE)), st.builds(Delete, st.just(7)), st.builds(Restore, st.just(7))
)


@given(st.lists(COMMANDS, max_size=8))
@examples(40)
def test_every_change_can_be_taken_back(commands: list[ChatCommand]) -> None:
    """Whatever was done before: the command that takes it back gives the state of before. The same twice changes nothing."""
    state = State()
    for command in commands:
        if isinstance(command, Title) and state.deleted:
            with pytest.raises(Rejected, match="Bring it back"):
                chat.decide(state, command, operator(1))
            continue
        made = chat.decide(state, command, operator(1))
        before = state
        for event in made:
            state = chat.evolve(state, event)
            [back] = chat.decide(state, chat.reverse(before, state, event), operator(1))
            assert chat.evolve(state, back) == before
        assert not chat.decide(state, command, operator(1))


def test_only_the_operator_changes_one_and_a_title_has_a_limit() -> None:
    """Each with a sentence."""
    with pytest.raises(Rejected, match="operator's"):
        chat.decide(State(), Delete(7), person(5, owner=True))
    with pytest.raises(Rejected, match="may have 100 characters; this one has 101"):
        chat.decide(State(), Title(7, "x" * 101), operator(1))


@given(st.text(max_size=300), st.text(max_size=20))
@examples(200)
def test_what_is_found_stands_in_the_text(text: str, words: str) -> None:
    """Letter case and runs of blanks aside: what is found is part of the text, with a bounded piece around it."""
    words, plain = " ".join(words.split()), " ".join(text.split())
    found = found_in(text, words)
    if not words or words.casefold() not in plain.casefold():
        assert found is None
        return
    assert found is not None
    start, hit, end = found
    assert words.casefold() in hit.casefold()
    assert start.removeprefix("…") + hit + end.removesuffix("…") in plain or "…" in plain
    assert len(start) <= AROUND + 1
    assert len(end) <= AROUND + 1


@pytest.mark.parametrize(
    ("text", "words", "hit"), [("Die STRASSE", "straße", "STRASSE"), ("Straße", "STRASSE", "Straße"), ("a\n\nb c", "A B", "a b")]
)
def test_letters_that_fold_to_more_are_found(text: str, words: str, hit: str) -> None:
    """Where one letter stands for two, the whole letter is shown."""
    found = found_in(text, words)
    assert found is not None
    assert found[1] == hit
