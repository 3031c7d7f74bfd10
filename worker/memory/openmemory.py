"""OpenMemory's ranking formula, for those who come from it and want to see the difference. Not the default: it loses (docs/memory.md).

As published (CaviraOSS/OpenMemory, backend/src/memory/hsg.ts and ops/dynamics.ts, 2025):
sigmoid(0.6 * (1 - exp(-3 * similarity)) + 0.2 * overlap + 0.15 * waypoint + 0.05 * recency), where similarity is the cosine damped by
how far the memory's sector is from the question's, overlap the share of the question's words in the memory, waypoint 0.8 times the
similarity of a candidate's nearest neighbour, recency exp(-days / 7) * (1 - days / 60).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.decide.remembering import sectors
from engine.decide.remembering.sectors import Sector
from worker.memory import stages
from worker.memory.ask import Ask
from worker.memory.config import Dense, RecallConfig
from worker.memory.index import Floats, Index
from worker.memory.vectors import scale
from worker.memory.view import View

_ORDER: Final[tuple[Sector, ...]] = ("episodic", "semantic", "procedural", "emotional", "reflective")
_RESONANCE: Final = (
    (1.0, 0.7, 0.3, 0.6, 0.6),
    (0.7, 1.0, 0.4, 0.7, 0.8),
    (0.3, 0.4, 1.0, 0.5, 0.2),
    (0.6, 0.7, 0.5, 1.0, 0.8),
    (0.6, 0.8, 0.2, 0.8, 1.0),
)
SIMILARITY, OVERLAP, WAYPOINT, RECENCY = 0.6, 0.2, 0.15, 0.05
SEEDS: Final = 30


def _resonance(index: Index, view: View, ask: Ask) -> Floats:
    asked = _ORDER.index(sectors.classify(ask.text))
    table = {sector: _RESONANCE[i][asked] for i, sector in enumerate(_ORDER)}
    return np.fromiter((table[index.entries[name].sector] for name in view.ids), np.float32, len(view))


def _overlap(index: Index, view: View, ask: Ask) -> Floats:
    found = np.zeros(len(view), np.float32)
    for term in ask.terms:
        if held := index.postings.get(term):
            found[view.position[held[0]]] += 1
    return found / np.float32(max(len(ask.terms), 1))


def _waypoints(index: Index, view: View, seeds: NDArray[np.int64]) -> Floats:
    """0.8 * cosine at the nearest neighbour of each seed, if that is not a seed itself."""
    found = np.zeros(len(view), np.float32)
    columns = index.slots.vectors.columns
    if columns is None:
        return found
    vectors = columns[:, view.slots].astype(np.float32) / np.float32(scale(len(columns)))
    near = vectors[:, seeds].T @ vectors
    near[np.arange(len(seeds)), seeds] = -1.0
    for row in near:
        best = int(row.argmax())
        found[best] = max(found[best], 0.8 * row[best])
    found[seeds] = 1.0
    return found


def parts(index: Index, view: View, ask: Ask, config: RecallConfig) -> dict[str, Floats]:
    """The four weighted terms of the formula, before the sigmoid."""
    similarity = stages.dense(index, view, ask, Dense(weight=1.0, centred=False, reach=None)) * _resonance(index, view, ask)
    days = np.maximum(ask.at - view.times, 0.0) / 86400.0
    recent = np.exp(-days / 7) * np.maximum(1 - days / 60, 0.0)
    return {
        "similarity": (SIMILARITY * (1 - np.exp(-3 * similarity))).astype(np.float32),
        "overlap": np.float32(OVERLAP) * _overlap(index, view, ask),
        "waypoint": np.float32(WAYPOINT) * _waypoints(index, view, stages.top(similarity, SEEDS)),
        "recency": (RECENCY * recent).astype(np.float32),
    }


def score(found: dict[str, Floats]) -> Floats:
    raw = found["similarity"] + found["overlap"] + found["waypoint"] + found["recency"]
    return (1.0 / (1.0 + np.exp(-raw))).astype(np.float32)
