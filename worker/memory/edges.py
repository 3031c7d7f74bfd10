"""Waypoints: edges between memories next to each other in time, and between memories that name the same thing. Pure, read-only.

They are worked out from the index when asked for, so they need no upkeep and vanish with the memory. Ranking already uses the edges in
time (config.Reach); a walk over shared entities is there as a stage but off, because it gained nothing where it was measured.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from worker.memory import stages
from worker.memory.index import Floats, Index
from worker.memory.view import View

COMMON = 25
"""An entity that more rows than this name links nothing."""
SEEDS = 10


@dataclass(frozen=True, slots=True)
class Waypoint:
    """`kind` time: the next or last turn of the conversation. `kind` entity: both name `label`; rarer names weigh more (0..1)."""

    other: str
    kind: Literal["time", "entity"]
    label: str
    weight: float


def waypoints(index: Index, view: View, memory: str, most: int = 20) -> list[Waypoint]:
    """The edges of one memory, strongest first."""
    entry = index.entries[memory]
    at = [int(view.position[key[-1]]) for key in entry.keys]
    found: dict[tuple[str, str], Waypoint] = {}
    for p, q, label in ((at[0], at[0] - 1, "before"), (at[-1], at[-1] + 1, "after")):
        if 0 <= q < len(view) and view.talk[view.turn[p]] == view.talk[view.turn[q]]:
            found[view.id(q), label] = Waypoint(view.id(q), "time", label, 1.0)
    for name in sorted({name for key in entry.keys for name in index.rows[key[-1]].entities}):
        for other, weight in _sharing(index, view, name):
            if view.id(other) != memory:
                found.setdefault((view.id(other), name), Waypoint(view.id(other), "entity", name, weight))
    return sorted(found.values(), key=lambda edge: (-edge.weight, edge.kind, edge.other, edge.label))[:most]


def _sharing(index: Index, view: View, name: str) -> list[tuple[int, float]]:
    held = index.entities.get(name)
    if held is None or len(held[0]) > COMMON:
        return []
    weight = round(stages.idf(len(held[0]), len(view)) / stages.idf(0, len(view)), 6)
    return [(int(at), weight) for at in np.sort(view.position[held[0]])]


def activation(index: Index, view: View, scores: Floats) -> Floats:
    """One step from the best rows over shared entities: the strongest edge into each row, 0..1."""
    found = np.zeros(len(view), np.float32)
    for at in stages.top(scores, SEEDS).tolist():
        for name in index.rows[int(view.slots[at])].entities:
            for other, weight in _sharing(index, view, name):
                if other != at:
                    found[other] = max(found[other], np.float32(weight))
    return found
