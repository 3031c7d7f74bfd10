"""`@Name` names a character: up to four words, the longest name wins, punctuation ends it, numbers are nobody (A2)."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.mentions import CANDIDATES, mentions, normal

A, B, C, D = (UUID(int=n) for n in range(1, 5))
NAMES = {"lilith": A, "lilith the great": B, "ada": C, "dr. who": D, "one two three four": B, "one two three four five": C, "42": A}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@Lilith hello", [A]),
        ("hello @LILITH", [A]),
        ("@Lilith the Great, hello", [B]),
        ("@Lilith  the\nGreat", [B]),
        ("@Lilith the grocer", [A]),
        ("@ada @lilith", [C, A]),
        ("@ada@lilith", []),
        ("(@ada)", [C]),
        ("*@ada*, **@lilith**!", [C, A]),
        ("@Ada's book", [C]),
        ("@Dr. Who?", [D]),
        ("@one two three four five", [B]),
        ("@42", []),
        ("mail me at ada@lilith.example", []),
        ("@adam", []),
        ("@ ada", []),
        ("@", []),
        ("", []),
        ("<@1234> hi", []),
        ("@ada @ada", [C, C]),
        ("@nobody " * CANDIDATES + "@ada", []),
        ("@nobody " * (CANDIDATES - 1) + "@ada", [C]),
    ],
)
def test_names_are_found(text: str, found: list[UUID]) -> None:
    """Each text names exactly these characters, left to right."""
    assert [m.character for m in mentions(text, NAMES.get)] == found


def test_another_mention_character_can_be_set() -> None:
    """With `&` set, `@` names nobody."""
    assert [m.character for m in mentions("&ada @lilith", NAMES.get, "&")] == [C]


PARTS = st.sampled_from(["@", "@ada", "@Lilith the Great", " ", ".", "x", "@42", "🧙", "\n"])


@settings(deadline=None)
@given(st.lists(PARTS | st.text(max_size=5), max_size=40).map("".join))
def test_what_is_found_stands_in_the_text(text: str) -> None:
    """Every mention is a slice that begins with the character, holds a known name, and overlaps no other; never more than ten."""
    found = mentions(text, NAMES.get)
    assert len(found) <= CANDIDATES
    for mention in found:
        assert text[mention.start] == "@"
        assert NAMES[normal(text[mention.start + 1 : mention.end])] == mention.character
    assert all(left.end <= right.start for left, right in pairwise(found))
