"""Events that were opened a moment ago are at hand, and never a word of theirs without the key that they are sealed with now."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from engine.errors import WrongKey
from engine.sealing import DataKey
from engine.store import Stored, codec
from engine.store.opened import Opened
from tests.unit.store.test_codec import KEY, said, written

AGAIN, OTHER = DataKey(KEY.subject, KEY.secret), DataKey(KEY.subject, bytes([1]) * 32)
ROWS: list[Stored] = [written(said(text))[1]._replace(position=position) for position, text in enumerate(("one", "two", "three"))]


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from((KEY, AGAIN, OTHER, None))), max_size=12), st.integers(1, 3))
def test_what_is_kept_is_what_would_be_opened(asked: list[tuple[int, DataKey | None]], most: int) -> None:
    """Whatever was opened before, with whichever key, and however few are kept: the answer is the codec's. After an erasure: blanks."""

    async def check() -> None:
        opened = Opened(most=most)
        for at, key in asked:
            if key is OTHER:
                try:
                    opened.open([ROWS[at]], {key.subject: key})
                except WrongKey:
                    continue
                raise AssertionError("a key that did not seal it opened it")
            found = opened.open([ROWS[at]], {key.subject: key} if key is not None else {})
            assert found == [codec.unpack(ROWS[at], key)]
            assert len(opened) <= most

    asyncio.run(check())


async def test_what_is_opened_is_not_opened_again_and_not_kept_for_long() -> None:
    """The same object while it is asked for; nothing of it is left soon after, though nobody asks; of an erased one nothing at once."""
    opened = Opened(seconds=0.01)
    (first,), (second,) = opened.open(ROWS[:1], {KEY.subject: KEY}), opened.open(ROWS[:1], {KEY.subject: AGAIN})
    assert second is first
    async with asyncio.timeout(30):
        while len(opened):
            await asyncio.sleep(0.005)
    assert opened.open(ROWS[:1], {KEY.subject: KEY})[0] is not first
    assert opened.open(ROWS[:1], {})[0].erased
    assert not len(opened)
