"""recall@k, hit@k and mean reciprocal rank of evidence, the way retrieval papers count them. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

KS = (1, 5, 10, 20)
DEEPEST = 100
"""Ranks below this count as not found for the reciprocal rank."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question: the ranks (from 1) at which its evidence was found, and how much evidence there is."""

    category: str
    apart: bool
    ranks: tuple[int, ...]
    wanted: int
    milliseconds: float = 0.0
    tokens: int = 0


def outcome(
    ids: Sequence[str], evidence: frozenset[str], category: str, apart: bool, milliseconds: float = 0.0, tokens: int = 0
) -> Outcome:
    ranks = tuple(i for i, name in enumerate(ids, 1) if name in evidence)
    return Outcome(category, apart, ranks, len(evidence), milliseconds, tokens)


def recall(outcomes: Sequence[Outcome], k: int) -> float:
    return float(np.mean([sum(rank <= k for rank in one.ranks) / one.wanted for one in outcomes])) if outcomes else 0.0


def hit(outcomes: Sequence[Outcome], k: int) -> float:
    """The share of questions of which any evidence was found: what is often called recall, and is higher."""
    return float(np.mean([any(rank <= k for rank in one.ranks) for one in outcomes])) if outcomes else 0.0


def mrr(outcomes: Sequence[Outcome]) -> float:
    return float(np.mean([1.0 / one.ranks[0] if one.ranks else 0.0 for one in outcomes])) if outcomes else 0.0


def summary(outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        "questions": len(outcomes),
        "recall": {str(k): round(recall(outcomes, k), 4) for k in KS},
        "hit": {str(k): round(hit(outcomes, k), 4) for k in KS},
        "mrr": round(mrr(outcomes), 4),
    }


def by_category(outcomes: Iterable[Outcome]) -> dict[str, dict[str, object]]:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        groups[one.category].append(one)
    return {name: summary(group) for name, group in sorted(groups.items())}


def percentile(values: Sequence[float], share: float) -> float:
    """Of milliseconds, rounded to microseconds."""
    return round(float(np.percentile(values, share)), 3) if values else 0.0
