"""What is different in a fork, and where it begins to differ (F14). Pure."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ids
from engine.events.turn import TurnCompleted
from projections.prompt.changes import AS_IT_WAS, LONGEST_EDIT, NoSuchChange, parse
from projections.prompt.section import Chosen
from projections.rerun.difference import AROUND, of_sections, of_texts
from worker.turn.strict_replay import answer_differs
from worker.turn.text import reading
from worker.turn.text.frame import PromptFrame

NAMES = st.sampled_from(["platform", "lore", "character", "history"])


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_the_first_difference_is_the_first(start: str, one: str, other: str) -> None:
    found = of_texts("history", start + one, start + other)
    assert (found is None) == (one == other)
    if found is not None:
        assert found.at >= len(start)
        assert (start + one)[: found.at] == (start + other)[: found.at]
        assert found.before != found.after
        assert max(len(found.before), len(found.after)) <= AROUND


@given(st.dictionaries(NAMES, st.text(max_size=5)), st.dictionaries(NAMES, st.text(max_size=5)))
def test_prompts_differ_where_a_section_says_something_else(one: dict[str, str], other: dict[str, str]) -> None:
    found = of_sections(one, other)
    names = {name for name in one | other if one.get(name, "") != other.get(name, "")}
    assert (found is None and not names) or (found is not None and found.where in names)


@given(st.lists(st.text(max_size=30), max_size=4))
def test_whatever_is_written_as_a_change_is_a_change_or_is_refused_with_a_sentence(written: list[str]) -> None:
    with suppress(NoSuchChange):
        assert parse(written).model == "" or any(one.lower().lstrip().startswith("model") for one in written)


def test_changes_are_read_as_they_are_written() -> None:
    preset = ids.random_id()
    found = parse([f"preset={preset}", "model= a/b ", "Character=12", "lore=off", "memory=OFF", "event:7=x = y"])
    assert (found.preset, found.model, found.character) == (preset, "a/b", 12)
    assert (found.lore, found.memory, found.edits) == (False, False, {7: "x = y"})
    assert (parse(["generation=a/b"]).generation, parse(["generation=settings"]).generation) == ("a/b", "")
    assert [(one.vectors, one.recalls) for one in (parse(["vectors= small "]), parse(["generation="]), AS_IT_WAS)] == [
        ("small", True),
        ("", True),
        ("", False),
    ]
    assert parse(["lore=on", "memory=on"]) == parse([]) == AS_IT_WAS


@pytest.mark.parametrize(
    "written", ["model", "model=", "lore=maybe", "character=x", "preset=x", "event:x=y", "vectors= ", f"event:1={'x' * (LONGEST_EDIT + 1)}"]
)
def test_what_changes_nothing_is_refused(written: str) -> None:
    with pytest.raises(NoSuchChange):
        parse([written])


def test_memories_that_were_looked_for_anew_stand_in_the_place_of_those_that_were_found() -> None:
    """And leaving memories out counts more."""
    recorded = {"memories": Chosen(("4",)), "history": Chosen(("1",))}
    anew = replace(parse(["generation=a/b"]), recalled=Chosen(("n:9",)))
    assert anew.chosen(recorded) == recorded | {"memories": Chosen(("n:9",))}
    assert replace(anew, memory=False).chosen(recorded)["memories"] == Chosen()
    assert anew.chosen({"history": Chosen(("1",))}) == {"history": Chosen(("1",))}


def test_what_is_left_out_has_no_references_and_another_version_of_the_character_has_its_own() -> None:
    recorded = {"character": Chosen(("abc@3",)), "lore": Chosen(("m:1",)), "memories": Chosen(("4",)), "history": Chosen(("1", "2^1"))}
    assert parse([]).chosen(recorded) == recorded
    found = parse(["character=9", "lore=off", "memory=off"]).chosen(recorded)
    assert found == {"character": Chosen(("abc@9",)), "lore": Chosen(), "memories": Chosen(), "history": recorded["history"]}


@given(st.text(min_size=1, max_size=60))
def test_an_answer_that_is_read_as_it_was_does_not_diverge_and_any_other_text_does(raw: str) -> None:
    frame = PromptFrame(name="Wren")
    made = reading.read(raw, frame)
    event = _answer(made)
    assert answer_differs(event, frame) is None
    found = answer_differs(event.model_copy(update={"text": event.text + "!", "raw": made.raw}), frame)
    assert found is not None
    assert (found.where, found.at) == ("answer", len(made.text))


def _answer(made: reading.Reading) -> TurnCompleted:
    return TurnCompleted(
        turn_id=ids.random_id(),
        message_id=1,
        channel_id=2,
        user_id=3,
        character_id=ids.random_id(),
        venue="playground",
        attempt=1,
        model="a/b",
        provider="local",
        finish_reason="stop",
        changed=made.changed,
        text=made.text,
        raw="" if made.raw == made.text else made.raw,
    )
