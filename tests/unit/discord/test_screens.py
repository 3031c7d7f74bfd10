"""Dashboards of what people edit: every field on one screen, within Discord's limits, whatever it holds."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.split import LIMIT, length
from bot.discord.features.resources import screens
from bot.editing import KINDS, Item
from bot.sheets import EVERY
from engine.actor import Actor, operator, person
from engine.resources.kinds import Kind
from tests.support import generated
from tests.support.discord.components import check_components, check_modal
from tests.support.examples import examples

ACTORS = (person(1), operator(1))


@pytest.mark.parametrize("kind", EVERY.values(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("actor", ACTORS, ids=lambda actor: actor.kind)
def test_every_field_stands_on_exactly_one_screen(kind: Kind[Any], actor: Actor) -> None:
    """A field that is added shows without a line more."""
    found = [spec.key for screen in screens.screens(kind, actor) for spec in screen.fields]
    assert sorted(found) == sorted(spec.key for spec in screens.editable(kind, actor))
    hidden = {spec.key for spec in kind.fields} - set(found)
    assert all(spec.shown.operator or spec.stored for key in hidden if (spec := kind.field(key)))
    assert len(screens.screens(kind, actor)) <= 25
    assert all(screens.screens(kind, actor)[screens.screen_of(kind, actor, key)].fields for key in found)


@examples(15)
@given(st.data(), st.sampled_from(sorted(EVERY)), st.sampled_from(ACTORS), st.dictionaries(st.uuids(), st.text(max_size=300), max_size=40))
def test_whatever_a_thing_holds_its_dashboard_keeps_discords_limits(
    data: st.DataObject, name: str, actor: Actor, presets: dict[UUID, str]
) -> None:
    """Text, rows and forms, with values of any length in them."""
    kind = EVERY[name]
    item = Item(kind, UUID(int=1), 1, data.draw(generated.of(kind.sheet)), True, True, title="" if name in KINDS else "This channel")
    known = screens.screens(kind, actor)
    for number, screen in enumerate(known):
        text = screens.dashboard_text(item, screen, "✅ Changed.", ["Mind this."], presets)
        assert 0 < length(text) <= LIMIT
        check_components(list(screens.dashboard_rows(item, number, known, presets, None)), version_2=False)
        for specs in screen.forms:
            if shown := [spec for spec in specs if not screens.too_long(item, spec)]:
                check_modal(screens.edit_form(item, shown, {}))
    if name in KINDS:
        check_modal(screens.create_form(kind, {}))
