"""Rows of lists: turns as lines, events of a turn together, hours of a day. Pure."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from bot.console.pages.timeline_rows import _hours, grouped
from bot.console.pages.turn_list import columns, line, ordered
from bot.console.people import Called
from projections.models.timeline import TimelineEntry
from projections.models.turns import Turn

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def turn(*, seconds: float | None, finished: float | None) -> Turn:
    """A turn that was asked for at NOW."""
    ended = None if seconds is None else NOW + timedelta(seconds=seconds)
    return Turn(
        *(uuid4(), 1, 2, None, 3, uuid4(), "discord", "name", "", 0, 0, 1, NOW, "completed" if ended else "pending", 1, None, ended),
        *("m", "p", None, None, "stop", None, None if finished is None else {"finished": finished}),
    )


def test_a_wait_is_told_apart_from_the_work() -> None:
    """Three minutes before anybody began are not two seconds in all."""
    found = line(turn(seconds=193.1, finished=2_100.0), "quick 99", NOW)
    assert (found.took_ms, found.wait_ms) == (193_100.0, 191_000.0)
    assert line(turn(seconds=None, finished=None), "", NOW + timedelta(minutes=1)).took_ms is None


@given(st.lists(st.one_of(st.none(), st.floats(0, 500)), max_size=12), st.sampled_from(["took", "waited", "model", "when", "nonsense"]))
def test_turns_are_sorted_by_a_column(seconds: list[float | None], column: str) -> None:
    """None is lost; those without a value stand last either way; an unknown column changes nothing; clicks go round in three."""
    lines = tuple(line(turn(seconds=one, finished=0.0), "", NOW) for one in seconds)
    for sort in (column, f"-{column}"):
        found = ordered(lines, sort, Called())
        assert sorted(one.turn.turn for one in found) == sorted(one.turn.turn for one in lines)
        if column == "took":
            taken = [one.took_ms for one in found]
            known = [one for one in taken if one is not None]
            assert taken == sorted(known, reverse=sort.startswith("-")) + [None] * (len(taken) - len(known))
        if column == "nonsense":
            assert found == lines
    heads = {one.title: one for one in columns("-when")}
    assert (heads["When"].state, heads["When"].sort, heads["Tokens"].sort, heads["Model"].sort) == (
        "descending",
        "when",
        "-tokens",
        "model",
    )
    assert [{one.title: one for one in columns(sort)}["Tokens"].sort for sort in ("-tokens", "tokens")] == ["tokens", ""]


def entry(position: int, turn: UUID | None) -> TimelineEntry:
    return TimelineEntry(position, uuid4(), "turn.requested", NOW, NOW, None, None, None, None, turn, None, None)


@given(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=30))
def test_every_event_stands_in_one_row(tags: list[int | None]) -> None:
    """A turn has one row, where its newest event stands; nothing is lost or shown twice."""
    turns = [uuid4() for _ in range(4)]
    lines = {one: line(turn(seconds=1.0, finished=1.0), "", NOW) for one in turns[:3]}
    entries = [entry(100 - n, None if tag is None else turns[tag]) for n, tag in enumerate(tags)]
    rows = grouped(entries, lines)
    assert sorted(e.position for row in rows for e in row.entries) == sorted(e.position for e in entries)
    assert [row.newest.position for row in rows] == sorted((row.newest.position for row in rows), reverse=True)
    assert len([row for row in rows if row.turn]) == len({e.turn for e in entries if e.turn in lines})
    assert [row.day for row in rows if row.day] == (["01 Mar 2026"] if rows else [])


def test_hours_are_differences_of_positions() -> None:
    """The busiest is as high as the picture."""
    edges = [NOW, NOW + timedelta(hours=1)]
    found = _hours(edges, [1, 11, 16], [NOW + timedelta(minutes=61)])
    assert [(hour.events, hour.failed, hour.height) for hour in found] == [(10, 0, 38.0), (5, 1, 19.0)]


def test_people_are_called_by_name() -> None:
    """A name that two share names nobody."""
    called = Called({1: "Friend", 1576031421468770304: "Zoe", 5: "Max", 6: "Max"})
    assert called.person(1576031421468770304) == "Zoe (…0304)"
    assert called.person(1) == "Friend (you)"
    assert called.person_named("zoe") == called.person_named("Zoe (…0304)") == 1576031421468770304
    assert called.person_named("max") is None
    assert called.person_named("me") == 1
