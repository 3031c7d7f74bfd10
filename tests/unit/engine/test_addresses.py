"""Addresses as people write them into settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.outside import addresses


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://console.example", "https://console.example"),
        ("HTTPS://Console.Example/", "https://console.example"),
        ("https://console.example:443", "https://console.example"),
        ("http://console.example:8080", "http://console.example:8080"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_origin_has_one_form(written: str, origin: str) -> None:
    """So that two can be compared."""
    assert addresses.origin(written) == origin


@pytest.mark.parametrize(
    "written",
    [
        "console.example",
        "ftp://a.example",
        "https://",
        "https://a.example/console",
        "https://u:p@a.example",
        "https://a b",
        "https://a:x",
        "",
        "https://a?x",
    ],
)
def test_what_is_no_origin_is_said(written: str) -> None:
    """In words that follow the setting's name, without a password that may stand in it."""
    with pytest.raises(ValueError, match=r"^(is no|must end)") as caught:
        addresses.origin(written)
    assert "u:p" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_an_origin_or_not(text: str) -> None:
    """Parsing never fails otherwise, and what it gives it takes again."""
    try:
        found = addresses.origin(text)
    except ValueError:
        return
    assert addresses.origin(found) == found
