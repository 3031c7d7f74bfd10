"""`@Name` names a character: up to four words, the longest name wins, punctuation ends it, numbers are nobody (A2)."""

import unicodedata
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.mentions import CANDIDATES, LONGEST, WORDS, mentions, normal
from tests.support.examples import examples

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
        ("@ada/@lilith", [C, A]),
        ("@ada + @lilith", [C, A]),
        ("@ada+@lilith", [C, A]),
        ("@ada/core", []),
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


WORLD = {
    normal(name): character
    for name, character in {"Lilith": A, "莉莉丝": B, "Straße": C, "İstanbul": D, "José": A, "릴리스": B, "ليليث": C, "नीना": D}.items()
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@Lilith’s turn", [A]),
        ("@Lilithʼs turn", [A]),
        ("@lilith.com is down", []),
        ("see @Lilith.IO, or @lilith.social", []),
        ("@lilith.then we go", [A]),
        ("@Lilith-chan hi", [A]),
        ("@José-SAN!", [A]),
        ("@Lilith-さん", [A]),
        ("@莉莉丝-さん", [B]),
        ("@Lilith--you there", [A]),
        ("@Lilith- hm", [A]),
        ("@Lilith-> look", [A]),
        ("@Lilith-bot", []),
        ("@Lilith-channel", []),
        ("@lilith_x", []),
        ("_@lilith_", [A]),
        ("@lilith:matrix.org", []),
        ("@lilith: see matrix.org", [A]),
        ("@lilith.community", [A]),
        ("你好@Lilith 在吗", [A]),
        ("@Lilith。", [A]),
        ("@Lilith，在吗？", [A]),
        ("「@Lilith」", [A]),
        ("¿@Lilith?", [A]),
        ("@Lilith—you there", [A]),
        ("@Lilith… hm", [A]),
        ("＠Ｌｉｌｉｔｈ hello", [A]),
        ("@Lilith在吗", [A]),
        ("@莉莉丝你好", [B]),
        ("こんにちは@莉莉丝さん", [B]),
        ("@릴리스야 안녕", [B]),
        ("@Lilith❤️", [A]),
        ("@Lilith👋🏽 hi", [A]),
        ("👋@Lilith", [A]),
        ("@lilith1\ufe0f\u20e3", [A]),
        ("@STRASSE hello", [C]),
        ("@istanbul, merhaba", [D]),
        ("@ISTANBUL'da", [D]),
        ("@Jose\u0301 hola", [A]),
        ("@JOSÉ", [A]),
        ("@Jose hola", []),
        ("\u200f@ليليث، مرحبا", [C]),
        ("@ليليث\u200f!", [C]),
        ("@नीना। नमस्ते", [D]),
        ("@Lilith\u0301", []),
        ("e\u0301@lilith", []),
        ("@Lilithи", []),
        ("ada.@lilith.example", []),
        ("почта@lilith.рф", []),
        ("用户@lilith.example", []),
        ("https://example.org/@lilith hm", []),
        ("<https://example.org/a?b=@lilith>", []),
        ("see www.example.org/@lilith/12", []),
        ("medium.com/@lilith", []),
        ("mailto:@lilith", []),
        ("@lilith.bsky.social", []),
        ("@lilith@host.example", []),
        ("see https://example.org, @lilith", [A]),
        ("看https://example.org，@Lilith", [A]),
        ("...@lilith", [A]),
        ("he/she @lilith", [A]),
        ("`@lilith`", []),
        ("``a ` @lilith`` @lilith", [A]),
        ("```py\n@lilith\n``` @lilith", [A]),
        ("```\n@lilith", [A]),
        ("\\`@lilith\\`", [A]),
        ("` @lilith", [A]),
    ],
)
def test_names_of_all_scripts_are_found_and_none_in_addresses_or_code(text: str, found: list[UUID]) -> None:
    """Words end as their script ends them, letters count in all their forms, and what only looks like a name names nobody."""
    assert [m.character for m in mentions(text, WORLD.get)] == found


LONG = ("@" * 4000, "`" * 4000, "a@" * 2000, "/@" * 2000, "@" + "莉" * 3999, "@x." * 1300, "`a``b" * 800, "@" + "\u0301" * 3999)


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_no_text_is_slow(text: str) -> None:
    """Looking costs a bounded number of questions, whatever a message is made of."""
    asked: list[str] = []
    mentions(text, lambda name: asked.append(name))
    assert len(asked) <= CANDIDATES * (LONGEST + WORDS)


@examples(100, whole=10_000)
@given(st.text(max_size=20))
def test_a_name_is_found_however_it_is_written(name: str) -> None:
    """Composed, decomposed, in capitals or in full width: normal forms are equal, and stay so when taken again."""
    assert normal(normal(name)) == normal(name)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert normal(unicodedata.normalize(form, name)) == normal(name)


def test_another_mention_character_can_be_set() -> None:
    """With `&` set, `@` names nobody."""
    assert [m.character for m in mentions("&ada @lilith", NAMES.get, "&")] == [C]


PARTS = st.sampled_from(["@", "@ada", "@Lilith the Great", " ", ".", "x", "@42", "🧙", "\n"])


@examples(100, whole=10_000)
@given(st.lists(PARTS | st.text(max_size=5), max_size=40).map("".join))
def test_what_is_found_stands_in_the_text(text: str) -> None:
    """Every mention is a slice that begins with the character, holds a known name, and overlaps no other; never more than ten."""
    found = mentions(text, NAMES.get)
    assert len(found) <= CANDIDATES
    for mention in found:
        assert text[mention.start] == "@"
        assert NAMES[normal(text[mention.start + 1 : mention.end])] == mention.character
    assert all(left.end <= right.start for left, right in pairwise(found))


def test_apostrophes_and_hyphens_are_one_whatever_the_keyboard_makes_of_them() -> None:
    """Phones write ’ for ', and word processors a hyphen that does not break."""
    world = {normal(name): character for name, character in {"O'Brien": A, "Jean-Luc": B, "Qur’an": C}.items()}
    assert [m.character for m in mentions("@O’Brien, @Jean‑Luc and @Qur'an", world.get)] == [A, B, C]
