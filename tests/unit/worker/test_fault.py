"""One category for each error, and renderings that give nothing away."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.fault import KINDS, Category, Fault, classify, for_admin, for_user, harmless
from tests.support.examples import examples

STATUS = st.none() | st.integers(100, 599)
TYPES = st.sampled_from(["", "rate_limit_exceeded", "payment_required", "server", "timeout", "permission_denied", "unheard_of"])


def test_every_category_has_words_for_a_person() -> None:
    assert set(KINDS) == set(Category)
    assert all(kind.title and kind.friendly.endswith(".") for kind in KINDS.values())


@given(STATUS, st.text(max_size=80), TYPES)
def test_whatever_a_provider_says_is_exactly_one_category(status: int | None, message: str, kind: str) -> None:
    assert classify(status, message, kind) in KINDS


@pytest.mark.parametrize("message", ["next time", "the text is extended", "an external extension"])
def test_three_letters_inside_other_words_are_no_censorship(message: str) -> None:
    assert classify(None, message) is Category.UNKNOWN


SECRETS = st.sampled_from(
    [
        "sk-or-v1-0123456789abcdef",
        "https://provider.example/v1/keys?x=1",
        "user_2abcDEF98765",
        "Bearer abc.def.ghi",
        "123456789012345678",
        "org-AbCdEf123456",
        "0123456789abcdef0123456789abcdef",
        "<@123456789012345678>",
        "@everyone",
        "||spoiler||",
        "api.provider.example/path",
    ]
)


@examples(60)
@given(st.lists(st.one_of(SECRETS, st.text(alphabet="abcdefgh ,.", max_size=20)), max_size=6).map(" ".join), SECRETS)
def test_the_words_for_a_person_hold_no_address_key_id_or_ping(message: str, secret: str) -> None:
    fault = Fault(Category.RATE_LIMIT, 429, f"{message} {secret}", "raw: " + message)
    shown = for_user(fault.category, fault.user_message, fault.reference, status=fault.status, said=fault.said)
    said = fault.said
    assert secret not in said
    assert not re.search(r"://|sk-|\d{6,}|[@<>`*_|\[\]{}]", said)
    assert len(said) <= 120
    assert "raw:" not in shown
    assert fault.reference in shown


@given(st.text(max_size=400))
def test_harmless_is_one_short_printable_line(message: str) -> None:
    line = harmless(message)
    assert len(line) <= 120
    assert "\n" not in line
    assert line.isprintable()


@pytest.mark.parametrize("body", ['{"error": "x"}', "<html><body>no</body></html>", "[1, 2]", "!!!", ""])
def test_a_raw_body_is_never_shown(body: str) -> None:
    assert harmless(body) == ""


def test_a_characters_own_words_replace_the_friendly_ones_and_keep_the_spoiler() -> None:
    shown = for_user("timeout", "ignored", "abc", own="Zzz… I fell asleep.", status=408, said="timed out")
    assert shown == "**No answer in time**\nZzz… I fell asleep.\n||timeout · HTTP 408 · timed out · reference abc||"
    assert for_user("timeout", "", "abc", own="Hm {error} hm").endswith("\nHm ||timeout · reference abc|| hm")


def test_the_owner_sees_everything_in_lines() -> None:
    shown = for_admin({"reference": "abc", "category": "timeout", "status": 504, "model": "m", "technical_details": "HTTP 504\nbody"})
    assert shown.splitlines() == ["reference: abc", "category: timeout", "status: 504", "model: m", "HTTP 504", "body"]


def test_a_category_of_another_time_is_shown_as_unknown() -> None:
    assert KINDS[Category.UNKNOWN].title in for_user("never heard of", "", "abc")
