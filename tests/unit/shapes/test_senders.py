"""Whose the memories of a backup are is asked, said and kept; a file gives nobody else's account anything (G3)."""

import json
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from engine.outside import clean
from engine.resources.typed import Wrong
from engine.shapes import senders
from engine.shapes.backup import read_backup
from engine.shapes.mapping import ShapesMemory, planned
from engine.shapes.senders import SenderChoice, ShapesSender
from tests.support import shapes as made
from tests.support.examples import examples

ROOK = UUID(int=7)
KNOWN = (ShapesSender("u-first", 3), ShapesSender("u-second", 1), ShapesSender("other", 1))


def test_a_backup_names_its_senders_and_keeps_what_a_record_says_besides() -> None:
    """Whoever sent most first; each record whole but for its words, ids and all, beside the first part of its memory."""
    plan = planned(read_backup(made.opened(made.raw())))
    assert [(one.key, one.memories) for one in senders.senders(plan.memories)] == [("u", 3)]
    first, _, long, more, story = plan.memories
    assert json.loads(first.rest) == {name: value for name, value in made.memory("canary memory").items() if name != "result"}
    assert (json.loads(long.rest)["metadata"]["msg_ids"], more.rest, json.loads(story.rest)) == (["a"], b"", {"story_type": "general"})


def test_each_sender_is_taken_as_was_said() -> None:
    """A persona by its name in any case, any other name as somebody who is only called so, nobody, or the importer; an id may be cut."""
    said = senders.given(["u-first=rook", "u-second = Somebody  Else", "other=nobody"])
    assert senders.chosen(said, KNOWN, {"Rook": ROOK}) == {
        "u-first": SenderChoice("persona", "Rook", ROOK),
        "u-second": SenderChoice("named", "Somebody Else"),
        "other": SenderChoice("nobody"),
    }
    assert senders.chosen({"othe": "me", "u-fir": ""}, KNOWN, {}) == {}


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["u-first"], "not SENDER=WHO"),
        (["=me"], "not SENDER=WHO"),
        (["nowhere=me"], "no sender nowhere. It has: u-first, u-second, other."),
        (["u-=me"], "no sender u-"),
        (["other=123456789012345678"], "is an account"),
        (["other=<@123456789012345678>"], "is an account"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(lines: list[str], sentence: str) -> None:
    """Also an account of somebody's: memories of a file are the importer's."""
    with pytest.raises(Wrong, match=r"\.$") as refused:
        senders.chosen(senders.given(lines), KNOWN, {})
    assert sentence in str(refused.value)


def test_counts_add_up_whoever_is_nobody() -> None:
    """A record all of whose senders are nobody is skipped, with why; of one that is partly somebody's they are the speakers."""
    plan = planned(read_backup(made.opened(made.raw())))
    gone = senders.taken(plan, {"u": SenderChoice("nobody")})
    firsts = [one for one in gone.memories if one.part == 0]
    assert (len(firsts) + sum(gone.skipped.values()), gone.skipped[senders.LEFT_OUT]) == (gone.records, 3)
    both = ShapesMemory("x", None, senders=("a", "b", "c"))
    choices = {"a": SenderChoice("named", "Ash"), "b": SenderChoice("nobody"), "c": SenderChoice("persona", "Rook", ROOK)}
    [one] = senders.taken(replace(plan, memories=(both,)), choices).memories
    assert one.speaker == "Ash, Rook"
    assert senders.unpacked(senders.packed(choices)) == choices


@examples(30)
@drawn(st.lists(st.text(max_size=30), max_size=4), st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=3))
def test_whatever_is_said_is_a_choice_or_refused(lines: list[str], said: dict[str, str]) -> None:
    """Nothing but Wrong comes out, and nobody is called by what is no name."""
    ways: tuple[Callable[[], dict[str, str]], ...] = (lambda: senders.given(lines), lambda: said)
    for way in ways:
        try:
            found = senders.chosen(way(), [*KNOWN, *(ShapesSender(key, 1) for key in said)], {"Rook": ROOK})
        except Wrong as refused:
            found, sentence = {}, str(refused)
        else:
            sentence = "It is taken."
        assert sentence.endswith(".")
        assert [one.name for one in found.values() if clean.name(one.name, senders.LONGEST_NAME) != one.name] == []
