"""custom_ids: what is written can be read, what is made up cannot, and each has one handler."""

import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord import custom_ids
from bot.discord.answers import Interaction
from bot.discord.custom_ids import ANY, FIELD, ID, KIND, LONGEST, MARK, NUMBER, PRESSES, IdPart, Press, advice, parse
from bot.discord.presses import Presses
from bot.editing import KINDS
from bot.sheets import EVERY

VALUES: dict[IdPart, st.SearchStrategy[Any]] = {
    ID: st.uuids(),
    NUMBER: st.integers(0, 10**19 - 1),
    KIND: st.sampled_from(sorted(KINDS)),
    ANY: st.sampled_from(sorted(EVERY)),
    MARK: st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    FIELD: st.sampled_from(sorted({spec.key for kind in EVERY.values() for spec in kind.fields})),
}


@given(st.data(), st.sampled_from(sorted(PRESSES)))
def test_what_is_written_is_read_again(data: st.DataObject, prefix: str) -> None:
    """With every kind of value, within Discord's length."""
    press = PRESSES[prefix]
    values = tuple(data.draw(VALUES[part]) for part in press.parts)
    made = press.id(*values)
    assert len(made) <= LONGEST
    assert parse(made) == custom_ids.Read(press, values)


@given(st.one_of(st.text(max_size=120), st.builds("{}:{}".format, st.sampled_from(sorted(PRESSES)), st.text(max_size=110))))
def test_whatever_is_made_up_is_read_or_answered_with_a_command(text: str) -> None:
    """A stranger may send any custom_id: it means something exactly when writing its values gives it again."""
    read = parse(text)
    if read.press is not None and read.values is not None:
        assert read.press.id(*read.values).split(":")[0] == read.press.prefix
    sentence = advice(read)
    assert re.search(r"`/[a-z]+( [a-z]+)?`", sentence)
    assert text not in sentence or len(text) < 8


def test_a_value_that_cannot_be_read_is_never_written() -> None:
    """A kind that is none, too many values, and what is too long."""
    for values in (("nonsense",), ("character", 1), ()):
        with pytest.raises(ValueError, match="custom_id"):
            custom_ids.CREATE.id(*values)
    with pytest.raises(ValueError, match="custom_id"):
        custom_ids.UNDO.id(UUID(int=1))


async def _nothing(_: Interaction, __: object) -> None: ...


def test_the_bot_does_not_start_with_a_press_that_nobody_answers() -> None:
    """Each has exactly one handler."""
    whole = dict.fromkeys(PRESSES.values(), _nothing)
    Presses(whole)
    lacking = {press: handler for press, handler in whole.items() if press is not custom_ids.UNDO}
    with pytest.raises(ValueError, match="undo"):
        Presses(lacking)
    with pytest.raises(ValueError, match="stray"):
        Presses(whole, {Press("stray", (), "/undo"): _nothing})
    with pytest.raises(ValueError, match="two"):
        Presses(whole, {custom_ids.UNDO: _nothing})
