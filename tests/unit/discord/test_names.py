"""Any name a character may have becomes one that Discord takes, and any address an avatar or nothing (R32)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord.names import FALLBACK, avatar, legal
from tests.support.discord.webhooks import check_name
from tests.support.examples import examples

AWKWARD = st.sampled_from(
    ["Clyde", "discord", "DISCORD", "clYDe", "\u200b", "\u202e", "\u2066", " ", "\0", "🧙🏽‍♀️", "é", "\ud800", "שלום", "x" * 90]
)


@examples(50, whole=10_000)
@given(st.lists(AWKWARD | st.text(st.characters(codec=None), max_size=20), max_size=8).map("".join))
def test_every_name_becomes_one_discord_takes(name: str) -> None:
    """The stand-in's own rule, written from Discord's, accepts it; saying it again changes nothing."""
    made = legal(name)
    check_name("username", made)
    made.encode()
    assert made == made.strip()
    assert legal(made) == made


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Lilith", "Lilith"),
        ("  Lilith \n the Great ", "Lilith the Great"),
        ("", FALLBACK),
        ("\u200b\u200d", FALLBACK),
        ("\u3164", FALLBACK),
        ("everyone", "everyone."),
        ("🧙🏽‍♀️", "🧙🏽‍♀️"),
        ("שלום", "שלום"),
        ("a\u202eb", "ab"),
    ],
)
def test_names_look_as_they_did_where_they_can(name: str, made: str) -> None:
    """Only what must change changes."""
    assert legal(name) == made


def test_forbidden_words_still_look_the_same() -> None:
    """A Cyrillic letter stands in for one of theirs."""
    assert legal("Clyde of Discord") == "Clydе of Discоrd"


@pytest.mark.parametrize(
    "name", ["dis\u200dcord", "cl\u200cyde", "ｄｉｓｃｏｒｄ", "𝓒𝓵𝔂𝓭𝓮", "ⓓⓘⓢⓒⓞⓡⓓ", "DIS\u200d\u200dCORD bot", "d\u200disc\u200dord clyde"]
)
def test_forbidden_words_are_found_in_any_dress(name: str) -> None:
    """Joiners between letters and letters of another style hide nothing from the rule."""
    plain = unicodedata.normalize("NFKC", legal(name).replace("\u200d", "").replace("\u200c", "")).casefold()
    assert "discord" not in plain
    assert "clyde" not in plain


def test_a_long_name_ends_between_characters() -> None:
    """R32: eighty units, and no emoji or letter with its marks in half."""
    family = "👨‍👩‍👧‍👦"
    assert legal("x" * 75 + family) == "x" * 75
    assert legal("e\u0301" * 60) == "e\u0301" * 40
    assert len(legal("word " * 1_000_000)) <= 80


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.org/a.png", True),
        ("http://127.0.0.1:1/a.png", True),
        ("", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("https://a b/c", False),
        ("https://[bad", False),
        ("https://example.org/" + "a" * 3000, False),
    ],
)
def test_only_addresses_discord_can_fetch_are_sent(url: str, kept: bool) -> None:
    """Anything else is left out, so that the post is not refused for a picture."""
    assert avatar(url) == (url if kept else None)
