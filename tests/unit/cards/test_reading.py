"""Cards are read whatever program wrote them, and nothing in one is lost (G1)."""

import json
import re

import pytest

from engine.cards import keeping, writing
from engine.cards.card import Card, read_card
from engine.cards.mapping import mapped
from engine.cards.writing import tree_of
from engine.decide.character import problems
from engine.resources.kinds import CHARACTER, defaults
from tests.support import cards

CORPUS = cards.corpus()
TOKEN = re.compile(r"tok-\w+-nekot")


def tokens(value: object) -> set[str]:
    return set(TOKEN.findall(json.dumps(value, default=str)))


def test_there_are_more_than_fifty_cards() -> None:
    assert len(CORPUS) > 50


@pytest.mark.parametrize("name", CORPUS)
def test_a_card_becomes_a_character_and_every_word_of_it_is_used_or_kept(name: str) -> None:
    """Whatever container it comes in: it can be stored, and each token is among its fields or in what is kept with it."""
    raw, called = CORPUS[name]
    card = read_card(raw, called)
    found = mapped(card, called)
    assert problems(found.values, measured=False) == {}
    whole = tokens(found.values) | tokens(keeping.document_of(keeping.KeptCard(card.form)))
    assert whole >= tokens(card.form.tree) | tokens(dict(card.form.around))
    named = {fate.part for fate in found.fates}
    assert {part for part, value in card.data.items() if value not in (None, "", [], {})} <= named


@pytest.mark.parametrize("name", CORPUS)
def test_what_is_written_of_a_card_is_read_as_the_same_character(name: str) -> None:
    """G2: PNG, JSON of both versions and CHARX, with every token there was."""
    raw, called = CORPUS[name]
    card = read_card(raw, called)
    values = defaults(CHARACTER) | mapped(card, called).values
    tree = tree_of(values, card.form)
    files = [(asset.path, asset.read()) for asset in card.assets]
    written = (
        writing.as_png(tree, None),
        writing.as_json(tree),
        writing.as_json(writing.downgraded(tree)),
        writing.as_charx(tree, None, "png", files),
    )
    for content in written:
        again = read_card(content)
        assert defaults(CHARACTER) | mapped(again).values == values
        assert tokens(again.form.tree) >= tokens(card.form.tree)
        assert tree_of(values, again.form) == tree_of(values, read_card(writing.as_json(tree_of(values, again.form))).form)


def test_of_two_copies_the_newer_specification_wins() -> None:
    """Also where a broken one, or one of the older specification, stands in the newer one's place."""
    assert read_card(*CORPUS["both.png"]).spec == "V3"
    assert "stale" not in read_card(*CORPUS["both.png"]).form.tree
    assert read_card(*CORPUS["v2-in-ccv3.png"]).spec == "V2"
    broken = read_card(*CORPUS["broken-ccv3.png"])
    assert broken.spec == "V2"
    assert "could not be read" in broken.notes[0]


def test_the_picture_is_the_main_icon_or_the_file_itself() -> None:
    for name in ("picture-inside.json", "icon-inside.charx", "backyard.byaf", "both.png"):
        assert (read_card(*CORPUS[name]).picture or b"").startswith(b"\x89PNG"), name
    assert read_card(*CORPUS["v1-utf-8.json"]).picture is None


def test_files_that_came_with_a_card_are_there_to_be_kept() -> None:
    assert [(a.path, a.read()) for a in read_card(*CORPUS["v2-charx.charx"]).assets] == [("assets/a.bin", b"\0\1")]
    assert [a.path for a in read_card(*CORPUS["old-assets.png"]).assets] == ["1"]


def test_numbers_come_out_as_they_went_in() -> None:
    tree = json.loads(writing.as_json(read_card(*CORPUS["numbers.json"]).form.tree))
    assert (tree["big"], tree["small"], repr(tree["whole"])) == (2**70, 1e-320, "1.0")


def test_placeholders_stay_text() -> None:
    card = read_card(json.dumps({"name": "{{char}}", "first_mes": "{{user}} {{random::a,b}} <USER>", "description": "x"}).encode())
    assert mapped(card).values["greeting"] == "{{user}} {{random::a,b}} <USER>"


def test_only_what_was_changed_here_is_changed_in_the_card() -> None:
    """A field that nobody edited goes out byte for byte, line ends and margins too."""
    tree = {"spec": "chara_card_v2", "data": {"name": "  Wren ", "description": "one\r\ntwo  ", "first_mes": "hello"}, "first_mes": "hello"}
    card = read_card(json.dumps(tree).encode())
    values = defaults(CHARACTER) | mapped(card).values | {"greeting": "hi"}
    out = tree_of(values, card.form)
    assert (out["data"]["name"], out["data"]["description"]) == ("  Wren ", "one\r\ntwo  ")
    assert (out["data"]["first_mes"], out["first_mes"]) == ("hi", "hi")


def test_a_card_without_a_name_or_a_word_about_it_gets_them() -> None:
    for name, called in (("???", "wren.png"), (None, ""), ("🦊", ""), ("~" * 120 + "a", "")):
        card = Card(read_card(json.dumps({"spec": "chara_card_v2", "data": {"name": name}}).encode()).form, "JSON")
        found = mapped(card, called)
        assert problems(found.values, measured=False) == {}
        assert {fate.part for fate in found.fates} >= {"name", "description"}
    fox = Card(read_card(json.dumps({"spec": "chara_card_v2", "data": {"name": "🦊"}}).encode()).form, "JSON")
    assert mapped(fox, "").values["name"] == "🦊 Character"
