"""Edges between memories that name the same, as faces show them."""

from datetime import UTC, datetime
from uuid import UUID

from bot.waypoints import COMMON, waypoints
from projections.models.memories.noted import Note


def note(number: int, text: str, *entities: str, person: int = 41, replaced: bool = False) -> Note:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    place = (None, 501, 9, "discord", "channel")
    return Note(
        UUID(int=number), number, person, "fact", *place, at, "m", None, False, False, False, False, text,
        replaced=replaced, entities=entities,
    )  # fmt: skip


def test_memories_that_name_the_same_are_near_each_other_and_rarer_names_nearer() -> None:
    """Whoever listed the name; not another person's, none that was replaced, and no part of a word."""
    boat = note(1, "Ada has a boat, Halcyon.", "Halcyon", "Ada")
    others = [
        note(2, "Halcyon leaks."),
        note(3, "Ada sails in May.", "Ada"),
        note(4, "Ada sails no more.", "Ada"),
        note(5, "Halcyon sank.", "Halcyon", person=42),
        note(6, "Halcyon is red.", "Halcyon", replaced=True),
        note(7, "She admires adamant people.", "May"),
    ]
    found = waypoints(boat, [boat, *others])
    assert [(one.other.position, one.label, one.weight) for one in found] == [(2, "Halcyon", 1.0), (4, "Ada", 0.5), (3, "Ada", 0.5)]
    assert [one.other.position for one in waypoints(others[1], [boat, *others])] == [7, 4, 1]
    assert [one.other.position for one in waypoints(others[0], [boat, *others])] == [1]


def test_a_name_that_nearly_all_hold_links_nothing() -> None:
    many = [note(number, "x", "Everybody") for number in range(COMMON + 1)]
    assert waypoints(many[0], many) == []
    assert len(waypoints(many[0], many[:COMMON])) == 8
