"""Short names are made of names in any script, stay the same, and a taken one brings a suggestion."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.resources.slugs import another, slug_of

SLUG = re.compile(r"[a-z][a-z0-9-]{2,49}")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Wren Halloway", "wren-halloway"),
        ("Лилит", "lilit"),
        ("Ёлка", "elka"),
        ("Λίλιθ", "lilith"),
        ("릴리스", "rilriseu"),
        ("リリス", "ririsu"),
        ("ليليث", "lylyth"),
        ("נועה", "nvah"),
        ("नीना", "nina"),
        ("İstanbul", "istanbul"),
        ("Straße", "strasse"),
        ("我 Bob", "bob"),
        ("莉莉丝", "character-2fb9e2"),
        ("J", "character-j"),
    ],
)
def test_a_name_gives_a_short_name(name: str, slug: str) -> None:
    """By sound where letters have one, else by a number that follows from the name."""
    assert slug_of(name) == slug


def test_names_without_sounds_do_not_collide() -> None:
    assert len({slug_of(name) for name in ("莉莉丝", "小明", "老王", "42", "43")}) == 5


@given(st.text(max_size=60))
def test_every_name_gives_a_legal_short_name_and_so_does_every_suggestion(name: str) -> None:
    """Whatever stands in it, and the same each time."""
    slug = slug_of(name)
    assert SLUG.fullmatch(slug)
    assert slug_of(name) == slug
    assert SLUG.fullmatch(another(slug))
    assert another(slug) != slug
