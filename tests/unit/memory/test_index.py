"""The index: changed one memory at a time, it is always the same as one built anew."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.memory.support import WordEmbedder, index_of, memory
from worker.memory import storage
from worker.memory.ask import Query
from worker.memory.engine import Engine, Hit
from worker.memory.index import Index, Memory

TEXTS = (
    "I repaired the kayak in Bergen last week",
    "Where did you buy the lantern?",
    "In a shop near the harbour, it was 40 crowns",
    "The lantern reminds me of grandmother",
    "What a storm!",
    "My sister Noor plays the violin in Ghent",
    "나는 어제 학교에서 친구를 만났다",
    "",
    "The kayak leaked again and I sold it to Bram",
)
QUESTIONS = ("Where was the lantern bought?", "Who plays the violin?", "kayak", "학교", "", "When was the kayak repaired?")

memories = st.lists(
    st.builds(memory, st.integers(0, 40), st.sampled_from(TEXTS), st.sampled_from(("Ada", "Bram")), thread=st.sampled_from(("", "b"))),
    max_size=25,
    unique_by=lambda one: one.id,
)


def answers(engine: Engine, index: Index) -> list[list[Hit]]:
    return [engine.recall(index, Query(text), k=20).hits for text in QUESTIONS]


@given(memories, st.randoms(use_true_random=False))
@examples(10)
def test_the_order_of_insertion_leaves_no_trace(stored: list[Memory], rng: random.Random) -> None:
    """Any order of adding gives the same hits with the same scores, bit for bit."""
    engine = Engine(WordEmbedder())
    shuffled = rng.sample(stored, len(stored))
    assert answers(engine, index_of(engine, stored)) == answers(engine, index_of(engine, shuffled))


@given(memories, memories, st.sets(st.integers(0, 40), max_size=15))
@examples(10)
def test_changes_give_what_building_anew_gives(first: list[Memory], second: list[Memory], gone: set[int]) -> None:
    """Adding, editing (the same id again) and removing leave exactly what is left, in any mix, with recalls in between."""
    engine = Engine(WordEmbedder())
    index = index_of(engine, first)
    answers(engine, index)
    for one in second:
        index.add(engine.prepare(one))
    for number in gone:
        index.remove(f"m{number:04d}")
    left = {one.id: one for one in [*first, *second] if int(one.id[1:]) not in gone}
    fresh = index_of(engine, list(left.values()))
    assert answers(engine, index) == answers(engine, fresh)
    assert len(index) == len(left)
    assert (index.total_length, index.vector_count, len(index.postings)) == (fresh.total_length, fresh.vector_count, len(fresh.postings))


@given(memories)
@examples(10)
def test_a_saved_index_answers_as_before(tmp_path_factory: pytest.TempPathFactory, stored: list[Memory]) -> None:
    """Saving and loading changes no score."""
    engine = Engine(WordEmbedder())
    index = index_of(engine, stored)
    path = tmp_path_factory.mktemp("index") / "one.index"
    storage.save(index, path, "words")
    assert answers(engine, storage.load(path, "words")) == answers(engine, index)
    assert path.stat().st_mode & 0o077 == 0


def test_a_saved_index_of_another_model_is_refused(tmp_path: Path) -> None:
    """Vectors of one model are never read as another's; damage and absence are told in a sentence."""
    path = tmp_path / "one.index"
    storage.save(index_of(Engine(WordEmbedder()), [memory(1, "hello kayak")]), path, "words")
    with pytest.raises(storage.IndexUnreadable, match="another version or embedding model"):
        storage.load(path, "other")
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(storage.IndexUnreadable, match="build it again"):
        storage.load(path, "words")
    with pytest.raises(storage.IndexUnreadable, match="build it again"):
        storage.load(tmp_path / "none", "words")


def test_removing_what_is_not_there_says_so() -> None:
    """Removal is safe to repeat."""
    engine = Engine(WordEmbedder())
    index = index_of(engine, [memory(1, "kayak")])
    assert index.remove("m0001")
    assert not index.remove("m0001")
    assert engine.recall(index, Query("kayak")).hits == []


def test_vectors_of_another_length_are_refused_before_anything_changes() -> None:
    """One index, one model."""
    engine = Engine(WordEmbedder())
    index = index_of(engine, [memory(1, "kayak")])
    good = engine.prepare(memory(2, "violin"))
    row = good.rows[0]
    assert row.embedded is not None
    short = type(row.embedded)(row.embedded.vector[:10], row.embedded.token_ids, row.embedded.tokens, row.embedded.scales)
    wrong = type(good)(good.id, good.at, good.speaker, good.thread, good.sector, (type(row)(row.terms, row.traits, (), (), short),))
    with pytest.raises(ValueError, match="one model"):
        index.add(wrong)
    assert "m0002" not in index
    assert len(index) == 1
