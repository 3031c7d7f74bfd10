"""The picture of who talks with whom: people on the left, characters on the right, a line as thick as they talked often. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from uuid import UUID

from projections.models.memories.relationships import Relationship

ROW, WIDTH, LEFT, RIGHT = 34, 640, 200, 440


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A name at a height."""

    label: str
    y: int


@dataclass(frozen=True, slots=True)
class GraphLine:
    """From a person's height to a character's; `said` is what a reader of the picture is told."""

    y1: int
    y2: int
    thick: float
    said: str


@dataclass(frozen=True, slots=True)
class Graph:
    """A picture of so many pixels."""

    people: tuple[GraphNode, ...]
    characters: tuple[GraphNode, ...]
    lines: tuple[GraphLine, ...]
    height: int
    width: int = WIDTH
    left: int = LEFT
    right: int = RIGHT


def graph(
    pairs: Sequence[Relationship], people: Mapping[int, str], characters: Mapping[UUID, str], how: Mapping[UUID, str] | None = None
) -> Graph:
    """The picture of these, each side in the order in which it comes first. `how` they stand to each other, by the memory that says so."""
    left = {one: number for number, one in enumerate(dict.fromkeys(pair.person for pair in pairs))}
    right = {one: number for number, one in enumerate(dict.fromkeys(pair.character for pair in pairs))}
    lines = tuple(
        GraphLine(
            _y(left[pair.person]),
            _y(right[pair.character]),
            round(1 + log2(max(pair.replies, 1)), 1),
            f"{characters[pair.character]} answered {people[pair.person]} {pair.replies:,} times"
            + (f": {said}" if pair.newest is not None and (said := (how or {}).get(pair.newest)) else ""),
        )
        for pair in pairs
    )
    return Graph(
        tuple(GraphNode(people[one][:24], _y(number)) for one, number in left.items()),
        tuple(GraphNode(characters[one][:24], _y(number)) for one, number in right.items()),
        lines,
        max(len(left), len(right)) * ROW + ROW // 2,
    )


def _y(number: int) -> int:
    return number * ROW + ROW // 2 + 4
