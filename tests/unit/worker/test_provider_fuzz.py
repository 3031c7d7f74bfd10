"""Whatever a provider sends has one end: an answer, or a fault with a category. The long run: tests.support.provider.fuzz."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.provider import fuzz, odd
from tests.support.provider.server import event
from worker.providers import errors

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["429", "error", fuzz.SECRET]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(fuzz._KEYS) | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("seed", range(4))
def test_a_sample_of_the_fuzz_has_one_end_each(seed: int) -> None:
    """Cut, doubled, swapped and mixed bodies and streams, in random slices."""
    for number in range(120):
        assert fuzz.one(number, seed) != ""


async def test_a_sample_goes_in_by_the_door_of_a_turn() -> None:
    """With every status, content type and encoding, while somebody listens to it growing."""
    found = await fuzz.run(150, 1, seconds=300)
    assert found.kinds["BROKEN"] == 0
    assert found.kinds.total() == 150
    assert len(found.kinds) > 6


async def test_what_is_left_of_a_body_is_closed_by_whoever_leaves_it_early() -> None:
    """An answer ends before its body does as often as not: nothing of it waits for the garbage collector."""
    door = fuzz.Door()
    door.wire.made = odd.GOOD * 1_000
    async with door.http.stream("GET", "http://provider.test/v1", headers={}, seconds=60) as answer:
        assert await anext(answer.chunks)
    assert [chunk async for chunk in answer.chunks] == []


@examples(30)
@given(st.lists(JSON, min_size=1, max_size=4), st.booleans(), st.integers(0, 2**32))
def test_any_json_in_any_frame_has_one_end(documents: list[object], events: bool, seed: int) -> None:
    """Where a string is expected there may be a list, where a list a number."""
    frames = [json.dumps(document).encode() for document in documents]
    made = b"".join(map(event, frames)) if events else b"\n".join(frames)
    chance = random.Random(seed)
    fuzz.judge(fuzz.read(made, chance), fuzz.refused(made, chance))


@examples(50)
@given(JSON)
def test_any_json_can_be_an_error(document: object) -> None:
    """It has a bounded message, and a wait within a day if any."""
    found = errors.read(document)
    assert len(found.message) <= errors.WORDS
    assert found.retry_after is None or 0 <= found.retry_after <= 86_400
