"""Whatever a card holds comes out again, and whatever bytes come in are a card or refused in one sentence (G1, G2, R40)."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.cards import writing
from engine.cards.card import read_card
from engine.cards.mapping import OURS, STAY, TEXTS, mapped
from engine.cards.refusal import Unreadable
from engine.cards.writing import tree_of
from engine.decide.character import problems
from engine.resources.kinds import CHARACTER, defaults
from engine.resources.typed import tidy
from tests.support import cards
from tests.support.examples import examples

LETTERS = st.text(max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False) | LETTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=8,
)
KNOWN = (
    *TEXTS,
    "creator_notes",
    "alternate_greetings",
    "character_book",
    "tags",
    "extensions",
    "assets",
    "nickname",
    "source",
    "creation_date",
)
DATA = st.dictionaries(st.sampled_from(KNOWN) | LETTERS, LETTERS | JSON, max_size=12)
ROOT = st.dictionaries(LETTERS.filter(lambda name: name not in ("data", "spec", "spec_version")), JSON, max_size=4)
BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "text": LETTERS.map(tidy),
    "texts": st.lists(LETTERS.filter(bool), max_size=5, unique=True).map(tuple),
    "json": st.dictionaries(LETTERS, JSON, max_size=3),
    "switch": st.booleans(),
    "float": st.floats(0, 1),
}


@given(ROOT, DATA)
@examples(30)
def test_unknown_keys_survive_byte_for_value(root: dict[str, Any], data: dict[str, Any]) -> None:
    """At the root and in the data, whatever their type; known ones of a wrong type are kept beside, and the character is the same."""
    tree = {**root, "spec": "chara_card_v2", "spec_version": "2.0", "data": data}
    card = read_card(json.dumps(tree).encode())
    values = defaults(CHARACTER) | mapped(card).values
    assert problems(values | {"slug": "any"}, measured=False) == {}
    again = read_card(writing.as_json(tree_of(values, card.form)))
    assert {name: again.form.tree[name] for name in root} == root
    assert {name: again.data[name] for name in data if name not in (*KNOWN, "character_book")} == {
        name: value for name, value in data.items() if name not in (*KNOWN, "character_book")
    }
    own = again.data["extensions"].get(OURS, {})
    for name in set(data) & set(KNOWN) - {"extensions"}:
        lost = writing._loses(name, data[name])
        assert not lost or own["odd"][name] == data[name]
    assert defaults(CHARACTER) | mapped(again).values == values


BY_KEY = {
    "birthday": st.just("") | st.dates().map(lambda day: f"{day:%m-%d}"),
    "avatar_url": st.just("") | LETTERS.map(lambda text: f"https://{tidy(text)}"),
}


@given(
    st.fixed_dictionaries(
        {
            spec.key: BY_KEY[spec.key] if spec.key in BY_KEY else BY_KIND[spec.kind]
            for spec in CHARACTER.fields
            if spec.kind in BY_KIND and spec.key not in STAY
        }
    )
)
@examples(30)
def test_every_field_of_a_character_goes_through_a_card(drawn: dict[str, Any]) -> None:
    """Every field a person may fill, as it is stored: out by each form, in again, equal."""
    drawn["name"] = " ".join(("a" + drawn["name"]).split())
    drawn["info"] = drawn["info"] or "somebody"
    values = defaults(CHARACTER) | drawn
    tree = tree_of(values, None)
    for content in (writing.as_png(tree, None), writing.as_json(tree), writing.as_charx(tree, None, "png", [])):
        assert defaults(CHARACTER) | mapped(read_card(content)).values == values


CORPUS = sorted(cards.corpus().items())


@given(st.data())
@examples(80)
def test_any_bytes_are_a_card_or_refused_in_one_sentence(data: st.DataObject) -> None:
    """Files with pieces changed, cut out and repeated: nothing but Unreadable comes out."""
    _, (raw, name) = data.draw(st.sampled_from(CORPUS))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        until = data.draw(st.integers(at, min(len(raw), at + 64)))
        raw = raw[:at] + data.draw(st.binary(max_size=8)) + raw[until:]
    try:
        card = read_card(raw, name)
        for asset in card.assets:
            asset.read()
    except Unreadable as refused:
        sentence = str(refused)
    else:
        sentence = "It is a card."
        assert problems(mapped(card, name).values, measured=False) == {}
        tree_of(defaults(CHARACTER) | mapped(card, name).values, card.form)
    assert sentence.endswith(".")
