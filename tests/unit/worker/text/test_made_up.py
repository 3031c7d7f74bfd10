"""Thoughts under a heading and a conversation that goes on behind the own words are no part of an answer; lists and scripts are."""

import pytest

from worker.turn.text.frame import PromptFrame
from worker.turn.text.reading import read

FRAME = PromptFrame(name="Lilith", others=frozenset({"Bob"}))


@pytest.mark.parametrize(
    "answer",
    [
        "**Thinking:** She greets me.\n\n**Answer:** Hello!",
        "**Thinking**: She greets me.\nI should be kind.\n\n**Response**:\nHello!",
        "### Thinking\nShe greets me.\n### Answer\nHello!",
        "__Thought process__\nShe greets me.\n__Final answer__: Hello!",
        "Hello!\nUser: How are you?\nAssistant: I am well.",
        "Hello!\n\nHuman: And now?\nLilith: Now we go.",
        "Hello!\nUser:",
        "Hello!\nUSER: one\nAI: two\nUSER: three",
    ],
)
def test_thoughts_under_a_heading_and_a_conversation_made_up_are_no_part_of_an_answer(answer: str) -> None:
    """Where the answer's own heading stands behind the thoughts, or the model answers the person it invented."""
    assert read(answer, FRAME).text == "Hello!"


@pytest.mark.parametrize(
    "answer",
    [
        "**Thinking:** is what I do all day.",
        "Elf: tall.\nHuman: short.\nDwarf: shorter.",
        "A form has two lines:\nUser: your name\nPassword: your word",
        "Like this:\nUser: hi\nAssistant: hello",
        "```\nHello\nUser: hi\nAI: hello\n```",
        "User: that is what they call me.",
    ],
)
def test_a_list_or_a_script_keeps_its_lines(answer: str) -> None:
    """Names before colons are no turn by themselves."""
    assert read(answer, FRAME).text == answer
