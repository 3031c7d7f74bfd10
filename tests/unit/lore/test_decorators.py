"""Decorators of V3 cards say what an entry's fields would; what cannot be read changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lore import Book, Entry, Globals, Line, evaluate
from engine.lore.decorators import decorated
from engine.lore.scan import Scene

NAMES = (
    "depth",
    "role",
    "position",
    "scan_depth",
    "additional_keys",
    "exclude_keys",
    "keep_activate_after_match",
    "activate",
    "unheard_of",
)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("@@depth 3", "depth", 3),
        ("@@depth 3", "position", 4),
        ("@@role assistant", "role", 2),
        ("@@position after_desc", "position", 1),
        ("@@scan_depth 9", "scan_depth", 9),
        ("@@additional_keys gull, tern", "key", ("sea", "gull", "tern")),
        ("@@exclude_keys ship", "selective_logic", 2),
        ("@@dont_activate_after_match", "cooldown", 100_000),
        ("@@keep_activate_after_match", "sticky", 100_000),
        ("@@depth many", "position", 0),
        ("@@depth ٣", "position", 0),
        ("@@role narrator", "role", 0),
    ],
)
def test_a_decorator_is_a_field(line: str, field: str, value: object) -> None:
    made = decorated(Entry(uid=1, key=("sea",), content=f"{line}\nSalt."))
    assert getattr(made, field) == value
    assert made.parsed[1] == "Salt."


def test_excluded_keys_keep_an_entry_asleep_and_additional_ones_wake_it() -> None:
    entry = decorated(Entry(uid=1, key=("sea",), content="@@additional_keys gull\n@@exclude_keys ship\nSalt."))

    def woken(text: str) -> bool:
        scene = Scene([Line("Ann", text)])
        found = evaluate([Book(name="b", entries=(entry,))], scene, Globals(), max_context=1000, count=len, random=lambda: 0.0)
        return bool(found.activated)

    assert [woken(text) for text in ("the sea", "a gull", "a ship at sea", "inland")] == [True, True, False, False]


def test_second_keys_of_its_own_are_kept() -> None:
    entry = Entry(uid=1, key=("sea",), keysecondary=("salt",), content="@@exclude_keys ship\nx")
    assert decorated(entry).keysecondary == ("salt",)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=8)), max_size=5), st.text(max_size=20))
def test_whatever_stands_there_an_entry_comes_of_it(lines: list[tuple[str, str]], text: str) -> None:
    entry = Entry(uid=1, key=("a",), content="\n".join([*(f"@@{name} {value}" for name, value in lines), text]))
    made = decorated(entry)
    assert Entry.model_validate(made.model_dump()) == made
    assert made.content == entry.content
