"""What still has to be sent, and what already stands in the channel."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.adopt import Found, adopt, chunk_of
from bot.delivery.split import LIMIT, length
from bot.discord.post import texts
from engine.events.reply import Chunk


def keyed(text: str) -> str:
    """A digest as a person's key gives it."""
    return hmac.digest(b"key", text.encode(), "sha256").hex()


def adopted(
    parts: Sequence[str], found: Sequence[Found], sent: Mapping[int, int] | None = None, intended: Sequence[Chunk] = ()
) -> dict[int, int]:
    """Index -> message id of the parts that were not recorded as sent and stand there. What was sent is a beginning."""
    first = len(sent or {})
    after = max((sent or {0: 0}).values())
    return {first + n: message for n, message in adopt(parts[first:], intended[first:], found, keyed, after).items()}


def standing(*parts: str, start: int = 200) -> list[Found]:
    return [Found(start + i, text) for i, text in enumerate(parts)]


def test_what_stands_there_is_adopted_in_order() -> None:
    """Two of three parts arrived before the crash."""
    assert adopted(["a", "b", "c"], standing("a", "b")) == {0: 200, 1: 201}


def test_a_file_is_found_by_its_name_and_nothing_else() -> None:
    """A text of the same words is not it, and what carries another file neither."""
    found = [Found(200, "a"), Found(201, "", ("other.png",)), Found(202, "changed", ("ours.png",))]
    assert adopt(["a", ""], [None, None], found, keyed, files=["", "ours.png"]) == {0: 200, 1: 202}
    assert adopt(["a"], [None], found, keyed, files=["not.png"]) == {}


def test_equal_parts_are_told_apart_by_their_place() -> None:
    """Each chunk is looked for after the one before it."""
    assert adopted(["x", "x", "x"], standing("x", "x"), {0: 200}) == {1: 201}
    assert adopted(["x", "x"], standing("x")) == {0: 200}


def test_what_discord_changed_in_white_space_is_still_ours() -> None:
    """Trimmed ends, carriage returns and zero-width characters do not make it another text."""
    assert adopted(["one\r\n\ntwo\u200b"], standing("one\n\ntwo")) == {0: 200}


def test_the_intended_digest_counts_when_the_text_would_be_another_now() -> None:
    """The character was renamed between crash and restart."""
    assert adopted(["**New:** hi"], standing("**Old:** hi"), intended=[chunk_of("**Old:** hi", keyed)]) == {0: 200}


def test_an_intention_from_before_digests_were_keyed_is_still_known() -> None:
    """An update in the middle of a delivery posts nothing twice."""
    before = Chunk(sha256=hashlib.sha256(b"**Old:** hi").hexdigest(), length=11)
    assert adopted(["**New:** hi"], standing("**Old:** hi"), intended=[before]) == {0: 200}


def test_other_texts_are_not_ours() -> None:
    """Nothing is adopted that was not said by this answer."""
    assert adopted(["a"], standing("b", "aa")) == {}


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5), st.data())
def test_adopting_what_arrived_leaves_exactly_the_rest(parts: list[str], data: st.DataObject) -> None:
    """Whatever prefix arrived and however much of it was recorded: recorded and adopted together are the prefix."""
    arrived = data.draw(st.integers(0, len(parts)))
    recorded = data.draw(st.integers(0, arrived))
    sent = {index: 200 + index for index in range(recorded)}
    there = standing(*parts[:arrived])[recorded:]
    assert sent | adopted(parts, there, sent) == {index: 200 + index for index in range(arrived)}


@pytest.mark.parametrize("dm", [True, False])
@given(text=st.text(max_size=5000), name=st.text(min_size=1, max_size=80))
def test_every_text_fits_with_its_prefix(dm: bool, text: str, name: str) -> None:
    """In a DM the first message says who speaks, and still fits."""
    made = texts(text, name, dm=dm)
    assert all(0 < length(part) <= LIMIT for part in made)
    if dm and made:
        assert made[0].startswith(f"**{name}:** ")
