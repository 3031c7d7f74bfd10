"""What people edit, described once: forms, options and files all read and show it by these functions."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from engine.resources.character import CharacterSheet
from engine.resources.field import FieldSpec, changed, field, fields, nested, pages, values
from engine.resources.kinds import CHARACTER, PRESET, defaults, typed, wrong
from engine.resources.preset import Parameters, PresetSheet, Reasoning, conflict
from engine.resources.typed import Wrong, read, show, tidy
from tests.support.examples import examples

KINDS = (CHARACTER, PRESET)
SPECS = [(kind.name, spec) for kind in KINDS for spec in kind.fields]
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).map(tidy).filter(bool)
WREN = {"name": "Wren", "info": "Keeps a lighthouse.", "slug": "wren"}


def value(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Values that a field takes."""
    most = spec.shown.limit or 40
    line = TEXT.map(lambda text: " ".join(text[:most].split())).filter(bool)
    item = line.filter(lambda text: "," not in text) if spec.shown.widget == "names" else line
    found: dict[str, st.SearchStrategy[Any]] = {
        "text": TEXT if spec.shown.widget == "text" else line,
        "int": st.integers(int(spec.low or 0), int(spec.high or 2**62)),
        "float": st.floats(spec.low or 0.0, spec.high or 1.0),
        "switch": st.booleans(),
        "choice": st.sampled_from(spec.choices or ("",)),
        "texts": st.lists(item, max_size=2, unique_by=str.casefold).map(tuple),
        "people": st.lists(st.integers(0, 2**63 - 1), max_size=5, unique=True).map(tuple),
        "json": st.dictionaries(TEXT, st.integers(-100, 100), max_size=3),
        "preset": st.uuids(),
    }
    return st.none() | found[spec.kind] if spec.nullable else found[spec.kind]


@pytest.mark.parametrize(("kind", "spec"), SPECS, ids=lambda found: getattr(found, "key", found))
@examples(10)
@given(data=st.data())
def test_what_is_shown_reads_as_the_same_value(kind: str, spec: FieldSpec, data: st.DataObject) -> None:
    """A form that is sent back untouched changes nothing, whatever a field holds."""
    wanted = data.draw(value(spec))
    if spec.nullable and str(wanted).casefold() in ("null", "none", "auto"):
        wanted = None
    assert read(spec, show(spec, wanted)) == wanted


@pytest.mark.parametrize(("kind", "spec"), SPECS, ids=lambda found: getattr(found, "key", found))
@examples(12)
@given(text=st.text(max_size=60))
def test_any_text_becomes_a_value_or_a_sentence(kind: str, spec: FieldSpec, text: str) -> None:
    """Never another exception, and never a value that cannot be stored as JSON."""
    try:
        found = read(spec, text)
    except Wrong as error:
        found = str(error)
        event("refused")
    assert json.dumps(found, default=str)


def test_every_field_is_described_for_people() -> None:
    """A label, a page, and names that are unique however they are written."""
    for kind in KINDS:
        assert all(spec.shown.label and spec.shown.page for spec in kind.fields)
        assert len({spec.option for spec in kind.fields}) == len(kind.fields)
        assert sorted(spec.key for group in pages(kind.sheet).values() for spec in group) == sorted(spec.key for spec in kind.fields)
        assert kind.field("nothing") is None
    assert field(PresetSheet, "reasoning-effort") == field(PresetSheet, "reasoning.effort")


@pytest.mark.parametrize(
    ("kind", "key", "text", "words"),
    [
        (CHARACTER, "name", "x" * 101, "may have 100 characters; this has 101"),
        (CHARACTER, "visibility", "secret", "is one of public, private, unlisted, shared"),
        (CHARACTER, "birthday", "13-01", "A birthday is MM-DD"),
        (CHARACTER, "birthday", "02-30", "A birthday is MM-DD"),
        (CHARACTER, "custom", "[1]", "takes a JSON object"),
        (CHARACTER, "custom", '{"a": NaN}', "takes a JSON object"),
        (CHARACTER, "co_owners", "bob", "takes ids"),
        (CHARACTER, "slug", "No Good", "small letters, digits and hyphens"),
        (CHARACTER, "avatar_url", "javascript:alert(1)", "begins with https://"),
        (PRESET, "temperature", "2.1", '"Temperature" goes from 0 to 2'),
        (PRESET, "temperature", "warm", "is a number"),
        (PRESET, "temperature", "nan", "is a number"),
        (PRESET, "max_tokens", "255", "256 to 131,072"),
        (PRESET, "max_tokens", "131073", "256 to 131,072"),
        (PRESET, "max_messages", "0", "1 to 100"),
        (PRESET, "max_messages", "101", "1 to 100"),
        (PRESET, "max_age_s", "0", "Use null, or leave it empty, for no limit"),
        (PRESET, "max_age_s", "2592001", "1 to 2,592,000"),
        (PRESET, "max_images", "21", "0 to 20"),
        (PRESET, "context_tokens", "999", "1,000 upwards"),
        (PRESET, "reasoning.max_tokens", "1023", "1,024 to 32,000"),
        (PRESET, "fallback_models", "a/b\nc/d\ne/f", "may have 2 entries"),
        (PRESET, "logit_bias", '{"1": 101}', "-100 to 100"),
        (PRESET, "frequency_penalty", "-2.5", "-2 to 2"),
    ],
)
def test_a_field_beyond_its_range_says_what_it_takes(kind: Any, key: str, text: str, words: str) -> None:
    """The ranges people know, each with a sentence."""
    before = defaults(kind) | (WREN if kind is CHARACTER else {"name": "P", "model": "a/b"})
    _, bad = typed(kind, before, {key: text})
    assert words in bad[key]


@pytest.mark.parametrize("text", ["", "null", "None", "auto"])
def test_no_value_can_be_typed(text: str) -> None:
    """An empty max_tokens is automatic; a maximum age of null is none."""
    for key in ("max_tokens", "max_age_s", "temperature"):
        spec = PRESET.field(key)
        assert spec is not None
        assert read(spec, text) is None


def test_effort_and_reasoning_tokens_exclude_each_other() -> None:
    """B7: whichever was set just now clears the other; with both at once the effort stays."""
    base = defaults(PRESET) | {"name": "P", "model": "a/b"}
    low, _ = typed(PRESET, base, {"reasoning.effort": "low"})
    tokens, _ = typed(PRESET, low, {"reasoning.max_tokens": "2048"})
    assert (tokens["reasoning.effort"], tokens["reasoning.max_tokens"]) == (None, 2048)
    again, _ = typed(PRESET, tokens, {"reasoning.effort": "high"})
    assert (again["reasoning.effort"], again["reasoning.max_tokens"]) == ("high", None)
    both, _ = typed(PRESET, base, {"reasoning.effort": "high", "reasoning.max_tokens": "2048"})
    assert (both["reasoning.effort"], both["reasoning.max_tokens"]) == ("high", None)


def test_a_stored_conflict_is_let_be_and_seen() -> None:
    """An old file may hold both: it opens, is marked, and an edit of something else does not touch it."""
    stored = PresetSheet(name="P", model="a/b", parameters=Parameters(reasoning=Reasoning(effort="low", max_tokens=2048)))
    assert conflict(stored.parameters)
    after, bad = typed(PRESET, values(stored), {"temperature": "1"})
    assert bad == {}
    assert (after["reasoning.effort"], after["reasoning.max_tokens"]) == ("low", 2048)


def test_what_was_stored_already_is_not_measured_again() -> None:
    """A limit that came later, or a card from elsewhere, does not keep anybody from mending a typo."""
    before = defaults(CHARACTER) | WREN | {"info": "x" * 5000, "birthday": "soon"}
    spec = CHARACTER.field("info")
    assert spec is not None
    after, bad = typed(CHARACTER, before, {"info": show(spec, before["info"]), "tone": "dry"})
    assert bad == {}
    assert after["tone"] == "dry"
    assert "4,000" in wrong(CHARACTER, before, before | {"info": "y" * 5000})["info"]


def test_values_go_in_and_out_of_the_model() -> None:
    """Keys are flat for people; the model keeps its groups."""
    stored = CharacterSheet.model_validate(nested(CharacterSheet, defaults(CHARACTER) | WREN | {"preset_id": UUID(int=7)}))
    assert values(stored)["info"] == "Keeps a lighthouse."
    assert changed(stored, {"aliases": ("W",), "visibility": "shared"}).description.aliases == ("W",)
    assert {spec.key for spec in fields(CharacterSheet)} == values(stored).keys()
