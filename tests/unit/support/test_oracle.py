"""The judge itself: a clean history passes, and each kind of wrong is found by its own invariant."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.oracle import Row, accepted_once, calls_bounded, contiguous, in_order, one_end, posted_once

SPACE = UUID(int=7)


def _turn(number: int) -> UUID:
    return uuid5(SPACE, str(number))


def history(turns: int) -> list[Row]:
    """Turns 1..n, each asked for by message n, answered and shown as message 1000 + n."""
    rows: list[Row] = []

    def add(stream: str, type_: str, turn: UUID | None, seconds: float, **data: object) -> None:
        version = 1 + sum(row.stream == stream for row in rows)
        rows.append(Row(len(rows) + 1, stream, version, type_, turn, seconds, data))

    for number in range(1, turns + 1):
        turn, stream = _turn(number), f"turn-{_turn(number)}"
        add(f"message-{number}", "message.received", None, number, message_id=number)
        asked: dict[str, object] = {"venue": "discord", "message_id": number, "character_id": "wren", "channel_id": 5}
        add(stream, "turn.requested", turn, number, **asked)
        add(stream, "turn.completed", turn, number + 1.0, **asked)
        add(stream, "reply.delivered", turn, number + 1.1, venue="discord", message_ids=[1000 + number])
    return rows


def posts(turns: int) -> dict[int, str]:
    return {1000 + number: "general" for number in range(1, turns + 1)}


def calls(turns: int) -> dict[UUID, int]:
    return {_turn(number): 1 for number in range(1, turns + 1)}


def verdicts(rows: list[Row], said: int, posted: Mapping[int, str], called: Mapping[UUID, int]) -> dict[str, list[str]]:
    return {
        "I1": accepted_once(rows, frozenset(range(1, said + 1))),
        "I2": contiguous(rows),
        "I3": one_end(rows, 60.0),
        "I4": calls_bounded(rows, called, {}),
        "I5": posted_once(rows, posted),
        "I11": in_order(rows),
    }


@given(st.integers(0, 8))
def test_a_clean_history_has_no_violation(turns: int) -> None:
    """Whatever its length, what went well is not blamed."""
    assert not any(verdicts(history(turns), turns, posts(turns), calls(turns)).values())


@given(st.integers(1, 8), st.data())
def test_no_event_can_be_missing(turns: int, data: st.DataObject) -> None:
    """Dropping any event but the last of the log is seen by I2, and each kind by its own invariant as well."""
    rows = history(turns)
    gone = rows.pop(data.draw(st.integers(0, len(rows) - 1)))
    found = verdicts(rows, turns, posts(turns), calls(turns))
    expected = {"message.received": "I1", "turn.requested": "I3", "turn.completed": "I3", "reply.delivered": "I5"}[gone.type]
    assert found[expected]
    assert found["I2"] or gone.position == turns * 4


@pytest.mark.parametrize(("type_", "invariant"), [("message.received", "I1"), ("turn.completed", "I3"), ("reply.delivered", "I5")])
def test_nothing_may_happen_twice(type_: str, invariant: str) -> None:
    """A second copy of an effect is a violation of its invariant."""
    rows = history(2)
    twin = next(row for row in rows if row.type == type_)
    rows.append(Row(len(rows) + 1, twin.stream, 9, type_, twin.turn, twin.seconds, twin.data))
    assert verdicts(rows, 2, posts(2), calls(2))[invariant]


def test_a_post_that_no_turn_owns_is_a_duplicate() -> None:
    """The user saw something the log does not know of."""
    assert posted_once(history(1), posts(1) | {5000: "general"}) == ["message 5000 in general belongs to 0 turns"]


def test_a_delivered_message_must_be_in_discord() -> None:
    """The log may not claim what nobody can see."""
    assert posted_once(history(2), posts(1))


def test_a_second_provider_call_needs_a_death_to_excuse_it() -> None:
    """The model is paid once per turn, and once more per worker that died on it."""
    assert calls_bounded(history(1), {_turn(1): 2}, {})
    assert not calls_bounded(history(1), {_turn(1): 2}, {_turn(1): 1})


def test_a_slow_turn_is_found() -> None:
    """An end that comes too late is as bad as none."""
    rows = [row if row.type != "turn.completed" else replace(row, seconds=99.0) for row in history(1)]
    assert one_end(rows, 60.0)


@given(st.integers(2, 8), st.data())
def test_two_answers_that_changed_places_are_found(turns: int, data: st.DataObject) -> None:
    """I11: whichever answer stands before one that was given earlier in the same conversation."""
    one, other = sorted(data.draw(st.lists(st.integers(1, turns), min_size=2, max_size=2, unique=True)))
    places = {_turn(one): 1000 + other, _turn(other): 1000 + one}
    rows = [
        replace(row, data=row.data | {"message_ids": [places[row.turn]]}) if row.type == "reply.delivered" and row.turn in places else row
        for row in history(turns)
    ]
    assert in_order(rows)
    assert not in_order(history(turns))
