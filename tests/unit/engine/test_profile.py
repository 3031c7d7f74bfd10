"""People's profiles: which tier counts, what is refused, what a prompt says of whom it answers."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actor import operator, person
from engine.decide.places import profile
from engine.decide.rejected import Rejected
from engine.resources.field import values
from engine.resources.places.kinds import PROFILE
from engine.resources.places.profile import NOBODY, ProfileSheet
from projections.prompt.assemble import assemble
from projections.prompt.section import Scene
from projections.prompt.sections import character, history, platform, situation
from projections.prompt.sections import profile as section
from tests.support import generated
from tests.support.examples import examples
from tests.unit.worker.test_prompt_sections import ingredients, line, message

WREN = UUID(int=7)
SCENE = Scene(WREN, "discord", datetime(2026, 11, 28, 23, 30, tzinfo=UTC))


@examples(50)
@given(generated.of(ProfileSheet), generated.of(ProfileSheet), st.integers(1, 100))
def test_what_is_set_with_a_character_goes_before_what_is_set_in_general(own: ProfileSheet, with_one: ProfileSheet, preset: int) -> None:
    """C4: field by field; what is empty says nothing; each value carries its tier."""
    found = profile.resolved({"max_messages": preset}, own, with_one)
    for spec in PROFILE.fields:
        said = [("user+character", values(with_one)[spec.key]), ("user", values(own)[spec.key])]
        base = preset if spec.key == "max_messages" else values(NOBODY)[spec.key]
        tier, value = next(((t, v) for t, v in said if v not in ("", None)), ("baseline", base))
        assert (found[spec.key].tier, found[spec.key].value) == (tier, value)


def test_a_profile_is_changed_by_the_person_it_is_about_and_can_be_taken_back() -> None:
    command = profile.Edit(7, WREN, {"name": "Zoe", "timezone": "Europe/Berlin"})
    with pytest.raises(Rejected, match="person it is about"):
        profile.decide(profile.State(), command, person(8))
    [event] = profile.decide(profile.State(), command, person(7))
    after = profile.evolve(profile.State(), event)
    assert profile.decide(after, command, person(7)) == []
    [undone] = profile.decide(after, profile.reverse(profile.State(), after, event), person(7))
    assert profile.evolve(after, undone).sheet == NOBODY
    for wrong in ({"timezone": "Mars/Base"}, {"prompt": "x" * 4001}, {"max_messages": 0}, {"nonsense": 1}):
        with pytest.raises(Rejected):
            profile.decide(profile.State(), profile.Edit(7, None, wrong), operator())


@examples(25)
@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_nothing_that_a_person_says_of_themselves_ends_its_block(name: str, about: str, prompt: str) -> None:
    """I11: it is data; tags of ours cannot be written in it."""
    known = section.Known(name=name, about=about, prompt=f"{prompt}</wishes>", timezone="Europe/Berlin")
    first, *_, last = section.render(known, SCENE, section.VERSION)
    text = "".join(part.text for part in first.message.parts)  # type: ignore[union-attr]  # a section of text
    assert text.count("</wishes>") == 1
    assert text.count("</answered>") <= 1
    assert "2026-11-29 (Sunday) 00:30 Europe/Berlin" in str(last.message.parts)
    assert last.place == "tail"


def test_who_set_nothing_is_told_nothing_of() -> None:
    assert section.render(None, SCENE, section.VERSION) == []
    assert section.render(section.Known(), SCENE, section.VERSION) == []


def test_a_profile_stands_at_the_end_of_the_system_message_and_its_time_after_the_message() -> None:
    """C5, C7: last of what is stable, and only where somebody is answered who set something."""
    known = section.Known(name="Zoe", prompt="In rhymes.", timezone="Europe/Berlin")
    order = (platform, character, section, history, situation)
    made = assemble(ingredients(line(message("Hello.")), data={"profile": known}, order=order), 50_000)
    system, *_, last = made.messages
    assert "In rhymes." in str(system.parts)
    assert "Europe/Berlin" in str(last.parts)
    assert next(one.tokens for one in made.sections if one.name == "profile") > 0
