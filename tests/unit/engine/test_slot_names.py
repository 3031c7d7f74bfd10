"""What can have one value at a time has one name, however a model calls it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.remembering.slot_names import slot_name


@pytest.mark.parametrize(
    "called",
    [
        ("home", "Home.", "the home of Ada", "Ada's home", "current_home", "currentHome", "Residence", "place of residence", "HOME CITY"),
        ("pet's name", "name of the pet", "Pet name", "name of pets", "pet`s name"),
        ("favourite colour", "favorite color", "fav_colour", "favourite colours", "Ada's favourite colour"),
        ("job", "occupation", "Job title", "current job", "profession", "work"),
        ("partner", "wife", "husband", "fianc\u00e9", "fiance\u0301", "significant other", "spouse"),
        ("birthday", "date of birth", "birthdate", "birthdays", "DOB"),
        ("email", "e-mail", "Email address", "e-mail address"),
    ],
)
def test_one_thing_has_one_name(called: tuple[str, ...]) -> None:
    assert len({slot_name(one, "Ada Smith") for one in called}) == 1


@pytest.mark.parametrize(
    "two",
    [("home", "address"), ("home", "location"), ("dog's name", "cat's name"), ("name", "nickname"), ("job", "school")],
)
def test_two_things_keep_two_names(two: tuple[str, str]) -> None:
    """A fact that takes another's place wrongly is lost; one that stands beside it is not."""
    assert slot_name(two[0]) != slot_name(two[1])


def test_what_names_nothing_is_no_slot() -> None:
    assert [slot_name(one) for one in ("", " ", "...", "'", "_")] == [""] * 5
    assert slot_name("Ada", "Ada") == "ada"


@given(st.text(max_size=80) | st.from_regex(r"[A-Za-z_' -]{0,60}", fullmatch=True), st.text(max_size=20))
def test_a_name_that_is_stored_is_its_own(called: str, whose: str) -> None:
    """So it may be asked for again of what an older version noted."""
    name = slot_name(called, whose)
    assert slot_name(name, whose) == name
    assert len(name) < 200
