"""A text that is expected is embedded once, ahead, and whoever asks gets what they would have got."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.unit.memory.support import WordEmbedder
from worker.memory.config import RecallConfig
from worker.memory.embed import Embedded
from worker.memory.engine import Engine
from worker.memory.expected import MOST, ExpectedEmbedder


class Counting(WordEmbedder):
    """Notes what it embeds; some texts break it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        self.seen += texts
        if "broken" in texts:
            raise ValueError("broken")
        return super().embed(texts)


def test_what_was_expected_is_not_embedded_again_and_kept_no_longer() -> None:
    """The second question about the same text makes its vectors anew: nothing of what people say stays behind."""
    own = Counting()
    ahead = ExpectedEmbedder(own)
    ahead.expect("a boat")
    ahead.expect("a boat")
    assert own.seen == ["a boat"]
    one, other = ahead.embed(["a boat", "a house"])
    assert own.seen == ["a boat", "a house"]
    assert np.array_equal(one.vector, WordEmbedder().embed(["a boat"])[0].vector)
    assert np.array_equal(other.vector, WordEmbedder().embed(["a house"])[0].vector)
    ahead.embed(["a boat"])
    assert own.seen == ["a boat", "a house", "a boat"]


def test_what_nobody_asks_for_is_bounded_and_what_breaks_breaks_whoever_asks() -> None:
    """The oldest is forgotten first."""
    own = Counting()
    ahead = ExpectedEmbedder(own)
    for number in range(MOST + 1):
        ahead.expect(f"text {number}")
    ahead.embed([f"text {MOST}"])
    assert own.seen.count(f"text {MOST}") == 1
    ahead.embed(["text 0"])
    assert own.seen.count("text 0") == 2
    with pytest.raises(ValueError, match="broken"):
        ahead.expect("broken")
    with pytest.raises(ValueError, match="broken"):
        ahead.embed(["broken"])


def test_what_leans_on_what_was_said_before_is_not_embedded_ahead() -> None:
    """A short statement is searched together with the ones before it, so its own vector would be of no use."""
    own = Counting()
    engine = Engine(own, RecallConfig())
    engine.expect("yes")
    assert own.seen == []
    engine.expect("What is the name of my grandmother's boat?")
    assert own.seen == ["What is the name of my grandmother's boat?"]
