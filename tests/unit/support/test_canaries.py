"""Marked words tell whose they are, and are found wherever they should not be."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.canaries import Flock, Shown, Whose, fresh, in_files, isolated, words_in

ANN, BOB = Whose("ann", "garden"), Whose("bob", "cellar")


def test_each_person_has_one_word_in_each_channel() -> None:
    """The same place and person, the same word; anything else, another."""
    flock = Flock()
    words = [flock.of(person, channel) for person in ("ann", "bob") for channel in ("garden", "cellar")]
    assert len(set(words)) == 4
    assert flock.of("ann", "garden") == words[0]


@given(st.lists(st.text(alphabet="abc -\n", max_size=9), min_size=2, max_size=5))
def test_words_are_found_in_any_text(between: list[str]) -> None:
    """Whatever stands around them."""
    words = [fresh() for _ in between]
    assert words_in("".join(f"{text} {word}" for text, word in zip(between, words, strict=True))) == set(words)


@pytest.mark.parametrize(
    ("reader", "fine"),
    [(ANN, True), (Whose("ann", "attic"), True), (Whose("bob", "garden"), True), (BOB, False), (Whose("nobody", "nowhere"), False)],
)
def test_a_word_may_be_read_in_its_channel_and_by_its_person(reader: Whose, fine: bool) -> None:
    """I7: everywhere else it is a leak, and the sentence names both."""
    word = fresh()
    found = isolated({word: ANN}, [Shown("the prompt", reader, frozenset({word}))])
    assert found == ([] if fine else [f"the prompt for {reader.person} holds words of ann"])


def test_a_prompt_without_the_words_of_its_person_proves_nothing() -> None:
    """A run in which the words do not travel would pass whatever leaks, so it fails."""
    word = fresh()
    assert isolated({word: ANN}, [Shown("the prompt", ANN, frozenset(), own=word)])
    assert not isolated({word: ANN}, [Shown("the prompt", ANN, frozenset({word}), own=word)])


def test_a_secret_is_found_in_any_file_but_its_own(tmp_path: Path) -> None:
    """I8: deep in a folder, in the middle of bytes; the file that is there to keep it does not count."""
    secret = fresh()
    (tmp_path / "nats.password").write_text(secret)
    assert in_files({"the password": secret.encode()}, tmp_path) == []
    (tmp_path / "store" / "msgs").mkdir(parents=True)
    (tmp_path / "store" / "msgs" / "1.blk").write_bytes(b"\x00\xff" + secret.encode() + b"\x00")
    (tmp_path / "store" / "empty").touch()
    assert in_files({"the password": secret.encode()}, tmp_path) == ["the password stands in store/msgs/1.blk"]
