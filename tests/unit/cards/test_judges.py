"""Libraries of others read what we write, and we read what they write (G2)."""

import json

import pytest
import tavern_card

from engine.cards import png, writing
from engine.cards.card import read_card
from engine.cards.mapping import mapped
from engine.cards.writing import tree_of
from engine.resources.kinds import CHARACTER, defaults
from tests.support import cards, judges

SOURCES = {"V1": cards.v1, "V2": cards.v2, "V3": cards.v3}
FIELDS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")


@pytest.mark.parametrize("spec", SOURCES)
def test_tavern_card_reads_our_pictures_and_we_read_its(spec: str) -> None:
    """The PyPI library: names, texts and the lorebook."""
    card = read_card(json.dumps(SOURCES[spec]()).encode())
    values = defaults(CHARACTER) | mapped(card).values
    read = tavern_card.parse_png_card(writing.as_png(tree_of(values, card.form), None))
    assert {name: read["data"][name] for name in FIELDS} == {name: cards.token(name) for name in FIELDS}
    again = read_card(tavern_card.write_png_card(read, png.plain((1, 2, 3), 8)))
    assert mapped(again).values == mapped(card).values


@pytest.mark.parametrize("spec", SOURCES)
def test_libraries_from_npm_know_our_cards_for_what_they_are(spec: str) -> None:
    """@risuai/ccardlib converts them to every version, character-card-utils takes them by its schema; we read all of it again."""
    card = read_card(json.dumps(SOURCES[spec]()).encode())
    values = defaults(CHARACTER) | mapped(card).values
    tree = tree_of(values, card.form)
    for written, version in ((tree, "v3"), (writing.downgraded(tree), "v2")):
        told = judges.heard(json.loads(writing.as_json(written)))
        assert told["version"] == version
        for converted in told["to"].values():
            again = mapped(read_card(json.dumps(converted).encode())).values
            assert {name: again[name] for name in ("name", "info", "traits", "scenario", "greeting", "examples")} == {
                name: values[name] for name in ("name", "info", "traits", "scenario", "greeting", "examples")
            }
    assert "refused" not in told
    assert told["strict"]["data"]["name"] == cards.token("name")
