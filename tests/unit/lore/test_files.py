"""Lorebooks of every program come in whole, and go out so that they come in the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lore import Entry
from engine.lore.book import raw_entry
from engine.lore.entries import BATCH_BYTES, batches, changed, values_of
from engine.lore.files import NotALorebook, as_card_book, as_world, read_book
from engine.resources.craft.lorebook import LorebookSheet
from tests.support.examples import examples
from tests.support.generated import JSON

CARD = {
    "name": "Coast",
    "scan_depth": 7,
    "token_budget": 400,
    "recursive_scanning": True,
    "entries": [
        {
            "id": 4,
            "keys": ["sea"],
            "secondary_keys": ["salt"],
            "selective": True,
            "content": "S",
            "insertion_order": 5,
            "enabled": False,
            "position": "after_char",
            "extensions": {"sticky": 3, "selectiveLogic": 3, "unheard_of": [1]},
        },
        {"keys": ["wa.e/s"], "use_regex": True, "content": "W", "extensions": {"position": 4, "depth": 2, "role": 1}},
    ],
}


def entries(document: object) -> list[Entry]:
    return [raw_entry(entry) for entry in read_book(document).entries]


def test_a_book_of_a_card_becomes_what_sillytavern_makes_of_it() -> None:
    book = read_book(CARD, "ignored")
    assert (book.sheet.name, book.sheet.scan_depth, book.sheet.budget_cap, book.sheet.recursive) == ("Coast", 7, 400, True)
    sea, waves = map(raw_entry, book.entries)
    assert (sea.uid, sea.key, sea.keysecondary, sea.selective_logic, sea.order, sea.disable) == (4, ("sea",), ("salt",), 3, 5, True)
    assert (sea.position, sea.sticky) == (1, 3)
    assert book.entries[0]["extensions"] == {"sticky": 3, "selectiveLogic": 3, "unheard_of": [1]}
    assert (waves.uid, waves.key, waves.position, waves.depth, waves.role) == (5, ("/wa.e\\/s/",), 4, 2, 1)
    assert waves.use_probability


@pytest.mark.parametrize(
    ("document", "key", "content"),
    [
        ({"spec": "lorebook_v3", "data": CARD}, ("sea",), "S"),
        ({"lorebookVersion": 5, "entries": [{"keys": ["k"], "text": "t", "forceActivation": True}]}, ("k",), "t"),
        ({"kind": "memory", "name": "n", "entries": [{"keywords": ["k"], "entry": "t", "weight": 3}]}, ("k",), "t"),
        ({"type": "risu", "data": [{"key": "a, b", "content": "t", "alwaysActive": True}]}, ("a", "b"), "t"),
        ({"entries": {"0": {"uid": 0, "key": ["k"], "content": "t"}}}, ("k",), "t"),
        ({"entries": [{"key": ["k"], "content": "t"}]}, ("k",), "t"),
    ],
)
def test_the_files_of_six_programs_are_told_apart(document: Any, key: tuple[str, ...], content: str) -> None:
    first = entries(document)[0]
    assert (first.key, first.content) == (key, content)


@pytest.mark.parametrize("document", [None, [], {}, {"entries": 3}, {"name": "x"}, "text", {"spec": "chara_card_v2"}])
def test_what_is_no_lorebook_is_refused_in_a_sentence(document: Any) -> None:
    with pytest.raises(NotALorebook, match="no lorebook"):
        read_book(document)


ENTRY = st.dictionaries(
    st.sampled_from(
        ["uid", "key", "keysecondary", "content", "order", "position", "probability", "sticky", "extensions", "depth", "other"]
    ),
    JSON | st.lists(st.text(max_size=5), max_size=3) | st.text(max_size=10),
    max_size=6,
)


@given(st.lists(ENTRY | JSON, max_size=5), st.booleans())
@examples(60)
def test_no_entry_whatever_it_holds_costs_the_book_and_what_goes_out_comes_in_the_same(raw: list[Any], world: bool) -> None:
    """As a world the entries are equal; as a card's book those that an entry of a world has a field for."""
    book = read_book({"entries": {str(n): one for n, one in enumerate(raw)} if world else [{"key": []}, *raw]})
    again = read_book(as_world(book.sheet, book.entries))
    assert (again.sheet, again.entries) == (book.sheet, book.entries)
    cards = read_book(as_card_book(book.sheet, book.entries))
    assert [(e["uid"], raw_entry(e).content, raw_entry(e).key) for e in cards.entries] == [
        (e["uid"], raw_entry(e).content, raw_entry(e).key) for e in book.entries
    ]
    for entry in book.entries:
        values = values_of(raw_entry(entry))
        assert changed(entry, values) == entry, "a form that changes nothing"


def test_entries_are_stored_in_runs_that_an_event_can_hold() -> None:
    many = [{"uid": n, "content": "x" * 90_000} for n in range(40)]
    runs = batches(many)  # type: ignore[arg-type]  # JSON it is
    assert [entry for run in runs for entry in run] == many
    assert all(sum(len(str(entry)) for entry in run) < BATCH_BYTES * 1.1 for run in runs)
    assert len(runs) == 4


def test_a_new_entry_made_by_a_form_behaves_as_one_made_in_sillytavern() -> None:
    made = raw_entry({"uid": 0, **changed({}, {"keys": ("a",), "probability": 30.0, "where": "depth", "role": "user"})})
    assert (made.use_probability, made.probability, made.position, made.role, made.depth) == (True, 30.0, 4, 1, 4)
    assert LorebookSheet(name="x").budget == 25
