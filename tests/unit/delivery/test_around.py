"""What stands around an answer and is no part of it: thoughts before, a footer below (B8, B11)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery import around
from bot.delivery.split import LIMIT, length, split
from engine import ids
from engine.events.turn import TurnCompleted
from engine.fault import Category


def completed(**more: object) -> TurnCompleted:
    fields: dict[str, object] = {
        "turn_id": ids.derived("turn", 1),
        "message_id": 1,
        "channel_id": 2,
        "user_id": 3,
        "character_id": ids.derived("character", 1),
        "venue": "discord",
        "attempt": 1,
        "model": "b/free",
        "provider": "p",
        "finish_reason": "stop",
        "text": "Hello.",
    }
    return TurnCompleted.model_validate(fields | more)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, ""),
        ({"fallback_from": "a/paid", "fallback_why": "rate_limit"}, "-# Answered by b/free: a/paid is asked too much"),
        ({"fallback_from": "a/paid", "guest": True}, "-# Answered by b/free: a/paid failed"),
        ({"guest": True}, "-# Free model: b/free"),
        ({"model": "x`\n@everyone||", "guest": True}, "-# Free model: x@everyone"),
        ({"upgrade_hint": True}, "-# With a key of your own you choose the model"),
    ],
)
def test_the_footer_says_who_answered_in_whose_place(more: dict[str, object], words: str) -> None:
    """From which model to which and why; a free one; nothing where nothing is to be said."""
    assert around.footer(completed(**more)) == words


@pytest.mark.parametrize("why", [Category.NOT_ALLOWED, Category.BUDGET, Category.FREE_LIMIT, Category.RATE_LIMIT, Category.QUOTA_EXCEEDED])
def test_a_model_that_was_not_asked_did_not_fail(why: Category) -> None:
    """Whom a rule of ours keeps from a model reads which one, and not that it does not work."""
    assert "failed" not in around.footer(completed(fallback_from="a/b", fallback_why=why.value))


@given(st.text(max_size=200), st.booleans(), st.booleans())
def test_what_comes_back_forwarded_has_no_footer(text: str, guest: bool, hint: bool) -> None:
    """Incident 41: footers never reach a prompt; everything else of the text does."""
    below = around.footer(completed(guest=guest, upgrade_hint=hint))
    body = around.stripped(text).rstrip("\n")
    assert around.stripped(f"{body}\n{below}" if below else body) == body


@given(st.text(max_size=12_000))
def test_thoughts_are_at_most_three_messages_behind_a_spoiler(reasoning: str) -> None:
    """They can neither end their spoiler nor open a code block, and each fits into a message."""
    shown = around.thoughts(reasoning)
    assert len(shown) <= around.THOUGHTS
    for one in shown:
        assert length(one) <= LIMIT
        assert one.count("||") == 2
        assert len(split(one)) == 1
