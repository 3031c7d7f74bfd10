"""Identifiers: the same for the same thing, ascending where order is promised, readable where people read them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from engine import clock, ids


@given(st.integers(min_value=0, max_value=2**63), st.uuids(), st.integers(min_value=0, max_value=50))
def test_a_turn_has_one_id_whoever_names_it(message: int, character: UUID, epoch: int) -> None:
    """Two processes that see the same message name the same turn, and no other."""
    assert ids.turn(message, character, epoch) == ids.turn(message, character, epoch)
    assert ids.turn(message, character, epoch) != ids.turn(message, character, epoch + 1)
    assert ids.turn(message, character, epoch) != ids.turn(message + 1, character, epoch)


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_different_natural_keys_give_different_ids(keys: list[str]) -> None:
    """The kind is part of the key too."""
    assert ids.derived("a", keys[0]) != ids.derived("a", keys[1])
    assert ids.derived("a", keys[0]) != ids.derived("b", keys[0])


def test_snowflakes_ascend_even_when_the_clock_stands_or_steps_back() -> None:
    """Order within a process survives a clock that does not move forward."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = ids.Snowflakes(origin=7)
    found = []
    for offset in (0, 0, -5, 0, 3):
        with clock.frozen(start + timedelta(seconds=offset)):
            found += [made.next() for _ in range(50)]
    assert found == sorted(set(found))


def test_a_snowflake_tells_when_it_was_made() -> None:
    """Message times come from ids, not from a clock at the time of reading."""
    moment = datetime(2026, 5, 17, 12, 30, 15, 250_000, tzinfo=UTC)
    with clock.frozen(moment):
        assert ids.snowflake_time(ids.Snowflakes().next()) == moment


def test_discords_own_example_decodes_to_its_documented_time() -> None:
    """The example of Discord's API reference for snowflakes."""
    assert ids.snowflake_time(175928847299117063) == datetime(2016, 4, 30, 11, 18, 25, 796_000, tzinfo=UTC)


def test_random_ids_are_version_7_and_ascend_by_time() -> None:
    """So that an index on them grows at its end."""
    with clock.frozen(datetime(2026, 1, 1, tzinfo=UTC)):
        first = ids.random_id()
    with clock.frozen(datetime(2026, 1, 2, tzinfo=UTC)):
        second = ids.random_id()
    assert first.version == second.version == 7
    assert first.variant == uuid4().variant
    assert first < second


def test_references_can_be_read_out_and_do_not_repeat() -> None:
    """No letters that look like digits, and no collision among many."""
    made = {ids.reference() for _ in range(5000)}
    assert len(made) == 5000
    assert all(len(reference) == 10 and not set(reference) & set("ilou") for reference in made)
