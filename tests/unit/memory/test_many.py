"""Many texts of the kinds that break things: a sample of ten thousand, or a hundred thousand with TZUROT_FULL=1."""

import os
import random

from tests.unit.memory.support import memory
from worker.memory.ask import Query
from worker.memory.engine import Engine
from worker.memory.index import Index

COUNT = 100_000 if os.environ.get("TZUROT_FULL") == "1" else 10_000
DISTINCT = COUNT * 3 // 10
ODD = (
    "\ud800", "\udfff\ud83d", "\x00\x01\x1b[31m", "\u202e\u200f\u200b\ufeff", "", " \t\n", "🙂👩‍👩‍👧", "Z\u0351\u036b\u0343\u036a\u0302",
    "漢字かな交じり", "한국어", "שלום", "مرحبا", "'" * 50, "a.b.c.d...", "May 99 2023", "31 February", "١٢٣", "1e999", "???", "[[[[",
    "-- DROP", "%s{}", "\U0010ffff",
)  # fmt: skip


def odd_text(rng: random.Random) -> str:
    parts = [rng.choice(ODD) if rng.random() < 0.5 else chr(rng.randrange(0x110000)) for _ in range(rng.randrange(6))]
    return rng.choice(("", " ")).join(parts)


def test_odd_texts_are_stored_and_searched() -> None:
    """None of them breaks preparing, indexing or asking; every one is still in the index, a later one in place of an earlier."""
    rng = random.Random(20)
    engine = Engine(None)
    index = Index()
    for number in range(COUNT):
        text = odd_text(rng) if number % (COUNT // 5) else "w" * 1_000_000
        index.add(engine.prepare(memory(number % DISTINCT, text, speaker=rng.choice(ODD))))
    assert len(index) == DISTINCT
    for _ in range(50):
        assert len(engine.recall(index, Query(odd_text(rng), recent=[odd_text(rng)]), k=5).hits) == 5
