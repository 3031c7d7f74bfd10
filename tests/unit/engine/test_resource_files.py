"""Characters and presets as JSON files: ours without loss, the predecessor's by their names."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.resources.files import from_file, to_file
from engine.resources.kinds import CHARACTER, PRESET, Kind, defaults
from engine.resources.typed import Wrong
from tests.support.examples import examples
from tests.unit.engine.test_resources import KINDS, value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@examples(5)
@given(data=st.data())
def test_a_file_holds_every_field(kind: Kind[Any], data: st.DataObject) -> None:
    """Export, then import: equal, with nothing left out, whatever the fields hold (C2, C8); what is stored beside goes by itself."""
    values = {spec.key: data.draw(value(spec)) for spec in kind.fields if not spec.stored}
    read = from_file(kind, json.loads(json.dumps(to_file(kind, defaults(kind) | values))))
    assert (read.values, read.kept, read.left) == (values, (), ())


def test_the_predecessors_character_comes_in() -> None:
    """Its names, its switch for public, its birthday in three; what has no field is kept as a custom field and named."""
    old = {"name": "Ada", "slug": "ada", "characterInfo": "A smith.", "personalityTone": "dry", "isPublic": True}
    old |= {"birthMonth": 4, "birthDay": 3, "customFields": {"a": 1}, "sidecar": [1], "extendedContextMaxAge": 5}
    read = from_file(CHARACTER, old)
    assert {key: read.values[key] for key in ("info", "tone", "visibility", "birthday")} == {
        "info": "A smith.",
        "tone": "dry",
        "visibility": "public",
        "birthday": "04-03",
    }
    assert read.values["custom"] == {"a": 1, "sidecar": [1]}
    assert read.kept == ("sidecar",)
    assert "extendedContextMaxAge" in read.left[0]


def test_the_predecessors_preset_comes_in() -> None:
    """Parameters in a group, thinking for reasoning, an age of 0 for none; what cannot be taken is named, and the rest is taken."""
    advanced = {"temperature": 0.4, "thinking": {"effort": "low"}, "stop": ["END"], "top_p": 7}
    read = from_file(PRESET, {"name": "P", "model": "a/b", "advancedParameters": advanced, "maxAge": 0, "isDefault": True, "colour": "red"})
    assert read.values["temperature"] == 0.4
    assert read.values["reasoning.effort"] == "low"
    assert read.values["stop"] == ("END",)
    assert read.values["max_age_s"] is None
    assert [line.split(":")[0] for line in read.left] == ["top_p", "colour"]


@pytest.mark.parametrize("tree", [[], "x", None, {"tzurot": "preset"}])
def test_what_is_no_character_is_refused_with_a_sentence(tree: object) -> None:
    """One sentence, no exception of another kind."""
    with pytest.raises(Wrong, match=r"\.$"):
        from_file(CHARACTER, tree)
