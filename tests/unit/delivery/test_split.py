"""Answers are cut into messages that Discord takes, and nothing of them is lost."""

import itertools
import re
from collections import deque
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.delivery.split import FENCE, LIMIT, length, pieces, split
from tests.support import steps
from tests.support.examples import examples

PLAIN = ["word", "ein Satz. ", "\n\n", "\n", " ", "\t", "漢字", "|a|b|\n", "\r\n", "!" * 50, "x" * 700]
AWKWARD = ["```", "```python\n", "`", "🧙🏽‍♀️", "e\u0301\u0301", "\u200b", "🇫🇷"]
WORDS = st.sampled_from(PLAIN + AWKWARD)
TEXTS = st.lists(WORDS | st.text(max_size=30), max_size=80).map("".join)
LIMITS = st.sampled_from([64, 100, 500, LIMIT])


@examples(100, whole=100_000)
@given(TEXTS, LIMITS, st.none() | st.integers(64, 100))
@example("```py\n" + "a = 1\n" * 1000 + "```\nend", LIMIT, None)
@example("x" * 6000, LIMIT, None)
@example("🧙" * 3000, LIMIT, 64)
def test_every_message_fits_and_the_pieces_joined_are_the_text(text: str, limit: int, first: int | None) -> None:
    """R29: no message is longer than the limit in UTF-16 units, and bodies joined are the text."""
    cut = list(pieces(text, limit, first))
    assert "".join(piece.body for piece in cut) == text
    assert all(length(piece.text) <= limit for piece in cut)
    if cut and first is not None:
        assert length(cut[0].text) <= first


@given(TEXTS, LIMITS)
def test_messages_are_as_discord_keeps_them(text: str, limit: int) -> None:
    """Discord strips outer white space and refuses what is then empty: we send neither."""
    for message in split(text, limit):
        assert message == message.strip()
        assert message


@given(TEXTS, LIMITS)
def test_a_fence_cut_in_two_is_closed_and_opened_again(text: str, limit: int) -> None:
    """All but the last message have an even number of fences, whatever the text's own fences are."""
    for piece in list(pieces(text, limit))[:-1]:
        assert len(re.findall(r"`{3,}", piece.text)) % 2 == 0


def test_the_language_of_a_fence_is_kept() -> None:
    """Each message of a long code block starts with the same language."""
    code = "```python\n" + "print('line')\n" * 300 + "```"
    messages = split(code)
    assert len(messages) > 1
    assert all(message.startswith("```python\n") and message.endswith(FENCE) for message in messages)


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("a" * 600 + ". " + "b" * 600 + "\n\n" + "c" * 600 + ". " + "d" * 600, "b"),
        ("a" * 600 + ". " + "b" * 600 + "\n" + "c" * 600 + ". " + "d" * 600, "b"),
        ("a" * 600 + " a" + ". " + "b" * 600 + " " + "c" * 1600, "."),
        ("a" * 900 + " " + "b" * 900 + " " + "c" * 900, "b"),
    ],
    ids=["paragraph", "line", "sentence", "word"],
)
def test_the_best_kind_of_cut_wins(text: str, ending: str) -> None:
    """Paragraph before line before sentence before word."""
    assert split(text)[0].endswith(ending)


CLUSTERS = [
    "🧙🏽‍♀️",
    "e\u0301\u0302",
    "🇫🇷",
    "👨‍👩‍👧‍👦",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "1️⃣",
    "ᄀ\u1161\u11a8",
    "क्षि",
    "한\u11a8",
]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_what_a_person_sees_as_one_character_is_not_cut(cluster: str) -> None:
    """Emoji sequences, combining marks and flags stay whole where no word ends in time."""
    text = "x" + cluster * 800
    first = next(iter(pieces(text)))
    assert (len(first.body) - 1) % len(cluster) == 0


@examples(60)
@given(st.lists(st.sampled_from([*CLUSTERS, "a", "word ", ".", "\n", " "]), min_size=20, max_size=120), LIMITS)
def test_no_cut_parts_a_cluster(parts: list[str], limit: int) -> None:
    """Wherever it falls, as far as clusters are shorter than half a message."""
    clusters = [cluster for part in parts for cluster in ([part] if part in CLUSTERS else part)]
    ends = {0, *itertools.accumulate(map(len, clusters))}
    at = 0
    for piece in pieces("".join(parts), limit):
        at += len(piece.body)
        assert at in ends


HARD = ["\n", ".", '!"', " ", "\t\n", "`", "```\n", "🇫🇷", "e\u0301", "\u0301", "👍", "\u200d", "。", "*_~", "\n \t", "x", "> ", "\u202e"]


@pytest.mark.parametrize("unit", HARD)
def test_cutting_costs_as_much_as_the_text_is_long(unit: str) -> None:
    """Steps of the search, counted: four times the text, at most five times the steps."""
    few, many = (steps.lines(partial(_cut, unit * count)) for count in (1_000, 4_000))
    assert many <= 5 * few + 1_000


def _cut(text: str) -> None:
    deque(pieces(text, 100), maxlen=0)


def test_short_answers_stay_whole() -> None:
    """What fits is one message, unchanged."""
    assert split("Hello ```unclosed") == ["Hello ```unclosed"]
    assert split("") == []
    assert split(" \n ") == []
