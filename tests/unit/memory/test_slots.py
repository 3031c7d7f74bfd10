"""What the index keeps by slot: whole-number products are exact, and taking out gives what was put in, whatever happened in between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from worker.memory import dots, tokens
from worker.memory.embed import TOKEN_DIMS, Embedded, quantise_rows, unit
from worker.memory.slots import Slots
from worker.memory.tokens import Tokens
from worker.memory.vectors import Vectors, scale

seeds = st.integers(0, 2**32 - 1)


def embedded(seed: int, dims: int = 24) -> Embedded:
    """Made-up vectors of up to six tokens; some texts have none."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 7))
    rows = rng.normal(size=(count, TOKEN_DIMS)).astype(np.float32)
    return Embedded(unit(rng.normal(size=dims).astype(np.float32)), rng.integers(0, 99, count).astype(np.int32), *quantise_rows(rows))


@given(arrays.arrays(np.int8, st.tuples(st.integers(1, 40), st.just(TOKEN_DIMS))), arrays.arrays(np.int8, (TOKEN_DIMS, 5)))
@settings(max_examples=40)
def test_products_of_tokens_are_exact(first: np.ndarray, second: np.ndarray) -> None:
    """Every pair of int8 matrices, the extremes too, gives what whole-number arithmetic gives."""
    found = dots.products(dots.raised(first), dots.raised(second))
    assert np.array_equal(found, first.astype(np.int32) @ second.astype(np.int32))
    assert np.array_equal(dots.lowered(dots.raised(first)), first)


@pytest.mark.parametrize("dims", [1, 2, 3, 24, 384, 1536])
@pytest.mark.parametrize("value", [-127, -1, 127])
def test_the_fast_product_is_never_cut_off(dims: int, value: int) -> None:
    """The largest numbers on both sides, all of one sign and alternating, in any number of columns."""
    for columns in (1, 15, 64, 100):
        held = np.full((dims, columns), value, np.int8)
        for vector in (np.full(dims, 64, np.int32), np.full(dims, -64, np.int32), np.where(np.arange(dims) % 2, 64, -64).astype(np.int32)):
            found = dots.one_by_many(vector, held, held.sum(axis=0, dtype=np.int32))
            assert np.array_equal(found, vector @ held.astype(np.int32))


@given(st.lists(st.tuples(seeds, st.booleans()), max_size=60))
@settings(max_examples=30)
def test_what_is_put_in_comes_out(changes: list[tuple[int, bool]]) -> None:
    """Filled, freed and filled again: every slot gives its own tokens and vector, and many slots at once give them in that order."""
    slots, held = Slots(), dict[int, Embedded]()
    for seed, drop in changes:
        if drop and held:
            slot = sorted(held)[seed % len(held)]
            slots.clear(slot)
            del held[slot]
        else:
            slot = slots.take()
            held[slot] = embedded(seed)
            slots.embed(slot, held[slot])
    for slot, one in held.items():
        found = slots.embedded(slot)
        assert found is not None
        assert (found.token_ids.tobytes(), found.tokens.tobytes(), found.scales.tobytes()) == (
            one.token_ids.tobytes(),
            one.tokens.tobytes(),
            one.scales.tobytes(),
        )
        assert np.abs(found.vector - one.vector).max() <= max(0.51 / scale(24), np.abs(one.vector).max() - 127 / scale(24))
    order = np.array(sorted(held, reverse=True), np.int32)
    codes, scales = slots.tokens.many(order)
    assert dots.lowered(codes).tobytes() == b"".join(held[slot].tokens.tobytes() for slot in order.tolist())
    assert scales.tobytes() == b"".join(held[slot].scales.tobytes() for slot in order.tolist())


def test_gaps_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropping most rows gives their room back; what is left stays what it was."""
    monkeypatch.setattr(tokens, "LEAST", 16)
    kept = Tokens()
    kept.room(200)
    made = [embedded(seed) for seed in range(200)]
    for slot, one in enumerate(made):
        kept.put(slot, one.token_ids, one.tokens, one.scales)
    full = len(kept.codes)
    for slot in range(190):
        kept.drop(slot)
    assert len(kept.codes) < full / 4
    for slot in range(190, 200):
        assert kept.get(slot)[1].tobytes() == made[slot].tokens.tobytes()


@given(st.lists(seeds, min_size=1, max_size=20), seeds)
@settings(max_examples=30)
def test_products_with_the_mean_are_kept_up(first: list[int], more: int) -> None:
    """After every change the products kept are those worked out anew."""
    vectors = Vectors()
    vectors.room(64)
    for slot, seed in enumerate([*first, more]):
        vectors.put(slot, embedded(seed).vector)
        mean = vectors.mean()
        assert mean is not None
        assert vectors.columns is not None
        assert np.array_equal(vectors.along(mean)[: slot + 1], (mean @ vectors.columns.astype(np.int32))[: slot + 1])
    vectors.drop(0)
    vectors.put(0, embedded(more).vector)
    mean = vectors.mean()
    assert mean is not None
    assert vectors.columns is not None
    count = len(first) + 1
    assert np.array_equal(vectors.along(mean)[:count], (mean @ vectors.columns.astype(np.int32))[:count])
