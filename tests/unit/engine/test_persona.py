"""Personas: whose they are, which one counts where, and what a prompt says of who is one (C3)."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actor import operator, person
from engine.decide.places import persona, profile
from engine.decide.rejected import Rejected
from engine.events.persona import PersonaChosen, PersonaCreated
from engine.resources.places.persona import PersonaSheet
from engine.resources.places.profile import ProfileSheet
from tests.support import generated
from tests.support.examples import examples

ONE, WREN = UUID(int=1), UUID(int=7)
WHO = ("name", "pronouns", "about")


@examples(50)
@given(generated.of(ProfileSheet), generated.of(ProfileSheet), generated.of(PersonaSheet), st.booleans())
def test_a_persona_says_as_a_whole_who_somebody_is_and_nothing_of_how_they_are_answered(
    own: ProfileSheet, with_one: ProfileSheet, worn: PersonaSheet, for_character: bool
) -> None:
    """What it leaves empty is not filled in from the general profile; the profile with a character goes before one worn everywhere."""
    found = profile.resolved({"max_messages": 50}, *persona.presented(own, with_one, worn, for_character=for_character))
    before = profile.resolved({"max_messages": 50}, own, with_one)
    for name in WHO:
        closer = "" if for_character else getattr(with_one, name)
        assert found[name].value == (closer or getattr(worn, name))
    assert {key: value for key, value in found.items() if key not in WHO} == {k: v for k, v in before.items() if k not in WHO}
    assert persona.presented(own, with_one, None) == (own, with_one)


def test_a_persona_is_its_owners_and_every_change_can_be_taken_back() -> None:
    state = persona.State()
    make = persona.Create(ONE, {"name": "  Captain\n Ahab ", "about": "Hunts a whale."})
    [made] = persona.decide(state, make, person(7))
    assert isinstance(made, PersonaCreated)
    assert (made.name, made.owner_id, made.share_memory) == ("Captain Ahab", 7, True)
    there = persona.evolve(state, made)
    for command in (persona.Edit(ONE, {"name": "Mine"}), persona.Delete(ONE), persona.Restore(ONE)):
        with pytest.raises(Rejected, match="not yours"):
            persona.decide(there, command, person(8, owner=True))
    for wrong in ({"name": " "}, {"about": "x" * 2001}, {"nonsense": 1}):
        with pytest.raises(Rejected):
            persona.decide(there, persona.Edit(ONE, wrong), person(7))
    assert persona.decide(there, persona.Edit(ONE, {"about": "Hunts a whale."}), person(7)) == []
    [edited] = persona.decide(there, persona.Edit(ONE, {"share_memory": False}), operator())
    after = persona.evolve(there, edited)
    [undone] = persona.decide(after, persona.reverse(there, after, edited), person(7))
    assert persona.evolve(after, undone).personas[ONE].share_memory
    [gone] = persona.decide(there, persona.Delete(ONE), person(7))
    deleted = persona.evolve(there, gone)
    with pytest.raises(Rejected, match="no such persona"):
        persona.decide(deleted, persona.Edit(ONE, {"name": "x"}), person(7))
    [back] = persona.decide(deleted, persona.reverse(there, deleted, gone), person(7))
    assert persona.evolve(deleted, back).deleted == frozenset()


def test_everybody_chooses_for_themselves_and_only_of_their_own() -> None:
    rules = persona.WORN_RULES
    [made] = persona.decide(persona.State(), persona.Create(ONE, {"name": "Ahab"}), person(7))
    there = persona.evolve(persona.State(), made)
    for command, by in (
        (persona.Wear(7, ONE), person(8)),
        (persona.Wear(8, ONE), person(8)),
        (persona.Wear(8, ONE), operator()),
        (persona.Wear(7, UUID(int=2)), person(7)),
        (persona.Wear(7, ONE, 5, WREN), person(7)),
    ):
        with pytest.raises(Rejected):
            rules.decide(there, command, by)
    [chosen] = rules.decide(there, persona.Wear(7, ONE, None, WREN), person(7))
    assert isinstance(chosen, PersonaChosen)
    after = rules.evolve(there, chosen)
    assert rules.decide(after, persona.Wear(7, ONE, None, WREN), person(7)) == []
    assert rules.reverse(there, after, chosen) == persona.Wear(7, None, None, WREN)
