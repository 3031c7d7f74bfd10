"""Thoughts are kept apart, scaffolding goes, repetition is noticed; a reply may still speak about any of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.turn.artifacts import clean
from worker.turn.repetition import EXEMPT_BELOW, repeats
from worker.turn.thinking import TAGS, split

THOUGHT = "First I consider the question at length."


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("before", ["", "\n ", "\t"])
def test_thoughts_at_the_start_are_set_apart(tag: str, before: str) -> None:
    assert split(f"{before}<{tag}>{THOUGHT}</{tag}>\n\nHello.") == split(f"<{tag.upper()}>{THOUGHT}</{tag.upper()}>Hello.")
    assert split(f"{before}<{tag}>{THOUGHT}</{tag}>\n\nHello.").text == "Hello."
    assert split(f"{before}<{tag}>{THOUGHT}</{tag}>\n\nHello.").thinking == THOUGHT


def test_several_thoughts_in_a_row_are_all_set_apart() -> None:
    found = split("<think>one</think><reflection>two</reflection>Hello.")
    assert (found.text, found.thinking) == ("Hello.", "one\ntwo")


@pytest.mark.parametrize(
    "content",
    [
        "Use the <think> tag like this: <think>x</think>, then go on.",
        "Hello.\n<think>not at the start</think>\nBye.",
        "```xml\n<think>in a fence</think>\n```\nThat was code.",
        "`<think>` is a tag.",
        "The model writes `</think>` when it is done, and then the reply.",
        "Here is a template:\n```\nsome long thoughts stand here\n</think>\n```\nDone.",
        "short\n</think>\nBye.",
    ],
)
def test_a_reply_may_speak_about_tags(content: str) -> None:
    assert split(content).text == content
    assert split(content).thinking == ""


def test_an_opening_tag_without_an_end_is_all_thought() -> None:
    assert split("<think>I never came to an end").text == ""


def test_a_closing_tag_without_an_opening_one_ends_thoughts_that_are_long_enough() -> None:
    found = split(f"{THOUGHT}\n</think>\nHello.")
    assert (found.text, found.thinking) == ("Hello.", THOUGHT)


def test_the_harmony_format_is_understood() -> None:
    content = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello.<|return|>"
    found = split(content)
    assert (found.text, found.thinking) == ("Hello.", "Hm.")


@given(st.text(max_size=200).filter(lambda text: "<" not in text and "|" not in text))
def test_a_text_without_tags_is_left_as_it_is(text: str) -> None:
    assert split(text).text == text


@given(st.text(max_size=300))
def test_splitting_never_fails_and_invents_nothing(text: str) -> None:
    found = split(text)
    assert set(found.text) <= set(text) | {"\n"}


@pytest.mark.parametrize(
    "reply",
    [
        "Lilith: Hello.",
        "**Lilith:** Hello.",
        "lilith : Hello.",
        '<message from="Lilith" at="2026-01-01 10:00">\nHello.\n</message>',
        "[2026-01-01 10:00] Lilith: Hello.",
        "Hello.</message>",
        'Hello.\n<message from="You">',
        "Lilith: Lilith: Hello.",
    ],
)
def test_copied_scaffolding_is_removed(reply: str) -> None:
    assert clean(reply, "Lilith") == "Hello."


@pytest.mark.parametrize("reply", ["Lilithia: is a place.", "I said: Lilith: no.", "On 2026-01-01 it began.", "Hello <message>?"])
def test_what_belongs_to_the_reply_stays(reply: str) -> None:
    assert clean(reply, "Lilith") == reply


@given(st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_cleaning_leaves_something_of_every_text_that_says_something(text: str, name: str) -> None:
    assert bool(clean(text, name)) == bool(text.strip())


SENTENCE = "The river runs quietly past the old mill while nobody is watching it at night."


def test_the_same_nearly_the_same_and_an_echo_are_repetitions() -> None:
    assert repeats(SENTENCE, [SENTENCE])
    assert repeats(SENTENCE.upper() + "!", [SENTENCE])
    assert repeats(SENTENCE.replace("quietly", "slowly"), ["Something else altogether, quite long as well.", SENTENCE])


def test_different_and_short_replies_are_not() -> None:
    assert not repeats("I would rather talk about mountains today, if you do not mind.", [SENTENCE])
    assert not repeats("Yes.", ["Yes."])
    assert not repeats("", [SENTENCE])


@given(st.text(max_size=EXEMPT_BELOW - 1), st.lists(st.text(max_size=60), max_size=3))
def test_short_replies_may_always_repeat(reply: str, earlier: list[str]) -> None:
    assert not repeats(reply, earlier)


@given(st.text(min_size=EXEMPT_BELOW, max_size=100).filter(lambda text: len(text.strip()) >= EXEMPT_BELOW and any(map(str.isalnum, text))))
def test_a_text_repeats_itself(text: str) -> None:
    assert repeats(text, [text])
