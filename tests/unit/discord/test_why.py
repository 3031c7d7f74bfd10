"""Why, and why not, in sentences: every code has one, and none quotes anybody."""

from typing import get_args

import pytest

from bot.why import CHANGE, lines
from engine.decide.gate import REASONS
from engine.events.message import Declined, Gate
from projections.why import NotAMessage, Why, message_of


@pytest.mark.parametrize("gate", get_args(Gate.__value__ if hasattr(Gate, "__value__") else Gate))
def test_every_reason_says_what_to_change(gate: Gate) -> None:
    """A gate without advice leaves a person standing before it."""
    (line,) = lines(Why(1, 2, declined=((Declined(gate=gate), "Wren"),)))
    assert line == f"**Wren** did not answer. {REASONS[gate]} {CHANGE[gate]}"


@pytest.mark.parametrize(
    "text",
    [
        "1350000000000000001",
        "https://discord.com/channels/1/2/1350000000000000001",
        "<https://discord.com/channels/@me/2/1350000000000000001/>",
    ],
)
def test_a_message_is_named_by_link_or_id(text: str) -> None:
    """As Discord copies it, with or without the brackets that keep a link from unfolding."""
    assert message_of(text) == 1350000000000000001


@pytest.mark.parametrize("text", ["", "x", "https://example.org/1", "0", "9" * 20, "1 2"])
def test_nothing_else_names_one(text: str) -> None:
    """A sentence says what to give instead."""
    with pytest.raises(NotAMessage, match="Copy Message Link"):
        message_of(text)
