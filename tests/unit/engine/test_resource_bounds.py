"""What a stranger's file may cost: it is bounded where it comes in, and says what it left out."""

from typing import Any

import pytest

from engine.resources.files import from_file
from engine.resources.kinds import CHARACTER, PRESET
from engine.resources.typed import DEEPEST, LONGEST, tidy, too_deep


def nested(levels: int) -> dict[str, Any]:
    """An object within an object, so many times."""
    tree: dict[str, Any] = {}
    inner = tree
    for _ in range(levels):
        inner["a"] = {}
        inner = inner["a"]
    return tree


@pytest.mark.parametrize("levels", [DEEPEST + 1, 254, 1000, 100_000])
def test_what_is_nested_beyond_measure_is_left_out_by_name(levels: int) -> None:
    """Neither a preset's further parameters nor a card's unknown fields reach what cannot store them."""
    preset = from_file(PRESET, {"name": "x", "model": "a/b", "extra": nested(levels)})
    assert any("deep" in why for why in preset.left)
    card = from_file(CHARACTER, {"name": "x", "strange": nested(levels)})
    assert card.kept == ()
    assert any("deep" in why for why in card.left)


@pytest.mark.parametrize("levels", [0, 1, DEEPEST - 1])
def test_what_is_nested_as_people_nest_is_taken(levels: int) -> None:
    """And nothing of it is lost."""
    tree = nested(levels)
    assert not too_deep(tree)
    assert from_file(CHARACTER, {"name": "x", "strange": tree}).values["custom"]["strange"] == tree


def test_a_field_of_megabytes_is_left_out() -> None:
    """Without a look at each of its characters."""
    found = from_file(CHARACTER, {"name": "x", "info": "y" * 5_000_000})
    assert "info" not in found.values
    assert found.left == (f"info: it has more than {LONGEST:,} characters",)


def test_control_characters_leave_a_text() -> None:
    """C0 and C1 go, line ends are one, halves of pairs are replaced."""
    assert tidy("a\x00b\x85c\x9bd\r\ne\tf\ud800") == "abcd\ne\tf\ufffd"
