"""Waypoints of a memory, for whoever looks at it: the others that name the same person, place or thing, rarer names first. Pure.

They are worked out when asked for, as those that recall goes by are (ADR 73): nothing is stored that would have to be forgotten.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from projections.models.memories.noted import Note

COMMON = 25
"""A name that more memories than this hold links nothing."""
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Waypoint:
    """Another memory, the name that both hold, and how much that says: 1 for a name that only these two hold."""

    other: Note
    label: str
    weight: float


def waypoints(note: Note, notes: Sequence[Note], most: int = SHOWN) -> list[Waypoint]:
    """The strongest edges from a memory to others of the same person that are met as it is."""
    met = [one for one in notes if one.person == note.person and not (one.hidden or one.archived or one.taken_back or one.replaced)]
    known = {name.casefold(): name for one in (*met, note) for name in one.entities}
    held = {one.memory: _named(one, known) for one in (*met, note)}
    count = Counter(name for names in held.values() for name in names)
    found = list[Waypoint]()
    for other in met:
        shared = [name for name in held[note.memory] & held[other.memory] if count[name] <= COMMON]
        if other.memory != note.memory and shared:
            rarest = min(shared, key=lambda name: (count[name], name))
            found.append(Waypoint(other, known[rarest], round(1 / (count[rarest] - 1), 3)))
    return sorted(found, key=lambda one: (-one.weight, -one.other.position))[:most]


def _named(note: Note, known: dict[str, str]) -> frozenset[str]:
    """The names a memory holds: those its model listed, and those of others that its text has as words."""
    text = note.text.casefold()
    own = {name.casefold() for name in note.entities}
    return frozenset(own | {name for name in known if _stands_in(name, text)})


def _stands_in(name: str, text: str) -> bool:
    """Whether a text has a name, and not only as a part of a word."""
    at = text.find(name) if name else -1
    while at >= 0:
        around = text[max(at - 1, 0) : at] + text[at + len(name) : at + len(name) + 1]
        if not any(letter.isalnum() for letter in around):
            return True
        at = text.find(name, at + 1)
    return False
