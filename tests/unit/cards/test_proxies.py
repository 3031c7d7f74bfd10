"""Exports of PluralKit and Tupperbox become personas (G7)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cards.proxies import LONGEST_ABOUT, LONGEST_NAME, read_export
from engine.cards.refusal import Unreadable

MEMBER: dict[str, Any] = {
    "id": "abcde",
    "uuid": "6f6b1c5e-3f0e-5d0a-9a57-7a2f0d1c4b8e",
    "name": "rook",
    "display_name": "Rook of the Tower",
    "description": "Quiet.\nLikes rain.",
    "birthday": "0004-05-03",
    "pronouns": "they/them",
    "proxy_tags": [{"prefix": "R:", "suffix": None}],
    "message_count": 7,
    "color": None,
}
PLURALKIT = {
    "version": 1,
    "id": "exmpl",
    "name": "System",
    "members": [MEMBER, {"name": "Wren", "prefix": "w:"}, {"name": None}, 7],
    "switches": [],
}
TUPPERBOX = {
    "tuppers": [{"id": 3, "name": "Ash", "nick": None, "brackets": ["a:", ""], "description": "Loud.", "group_id": 9, "posts": 4}],
    "groups": [{"id": 9, "name": "The Crew"}],
}


def test_a_system_becomes_personas() -> None:
    """Name, pronouns, description; what has no place is named; entries without a name are told."""
    read = read_export(json.dumps(PLURALKIT).encode())
    rook, wren = read.personas
    assert rook.fields == {
        "name": "Rook of the Tower",
        "pronouns": "they/them",
        "about": "Quiet.\nLikes rain.\nAlso called rook.\nBirthday: 05-03.",
    }
    assert (rook.key, rook.left) == (MEMBER["uuid"], ("message_count", "proxy_tags"))
    assert (wren.name, wren.left) == ("Wren", ("prefix",))
    assert read.bad == ("Entry 3: It has no name.", "Entry 4: It has no name.")


def test_tuppers_become_personas_with_their_group() -> None:
    [ash] = read_export(json.dumps(TUPPERBOX).encode()).personas
    assert (ash.name, ash.about, ash.left) == ("Ash", "Loud.\nOf The Crew.", ("brackets",))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"members": 7}', b"[" * 1000, b'{"tuppers": [' + b"1," * 2_001 + b"1]}"])
def test_what_is_no_export_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read_export(raw)


_VALUE = st.none() | st.booleans() | st.integers() | st.text(max_size=300) | st.lists(st.text(max_size=3), max_size=2)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(sorted(MEMBER)), _VALUE), max_size=4), st.booleans())
def test_whatever_a_field_holds_the_others_come_in(entries: list[dict[str, Any]], tupperbox: bool) -> None:
    """Each entry is a persona within bounds, or told."""
    read = read_export(json.dumps({"tuppers" if tupperbox else "members": entries}).encode())
    assert len(read.personas) + len(read.bad) == len(entries)
    assert all(0 < len(one.name) <= LONGEST_NAME and len(one.about) <= LONGEST_ABOUT for one in read.personas)
