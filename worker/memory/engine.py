"""Recall from end to end: prepare memories, rank them for a question, say why each was found."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.decide.remembering import sectors
from worker.memory import ask as asking
from worker.memory import edges, openmemory, passages, stages, times, traits
from worker.memory import view as views
from worker.memory.ask import Ask, Query
from worker.memory.config import RecallConfig
from worker.memory.embed import Embedded, Embedder
from worker.memory.expected import ExpectedEmbedder
from worker.memory.index import Floats, Index, Memory, Prepared, Row
from worker.memory.view import View
from worker.memory.words import clean, terms

NO_MODEL = "no embedding model: words, speakers and dates only"
NO_TOKENS = "the embedding model gives no token vectors: late interaction is off"

Rerank = Callable[[str, Sequence[str]], Sequence[str]]
"""(question, memory ids best first) -> ids in a better order; those it leaves out follow in the old order."""


@dataclass(frozen=True, slots=True)
class Hit:
    """`parts` are the weighted parts of the score, by name; they add up to it under the linear strategy.

    `passage` is the number of the one that was found, from 0.
    """

    id: str
    score: float
    parts: dict[str, float]
    passage: int = 0


@dataclass(frozen=True, slots=True)
class Recalled:
    """Best first. `notes` says in plain words what was off or changed."""

    hits: list[Hit]
    notes: list[str] = field(default_factory=list)
    widened: bool = False


class Engine:
    """The arithmetic with its embedder and configuration; holds no memories."""

    def __init__(self, embedder: Embedder | None, config: RecallConfig | None = None, unavailable: str = NO_MODEL) -> None:
        self.embedder = embedder
        self._questions = ExpectedEmbedder(embedder) if embedder is not None else None
        self.config = config or RecallConfig()
        self._unavailable = unavailable

    def expect(self, text: str) -> None:
        """A question of this text may come: do its slow half now. It is forgotten once it was asked."""
        if self._questions is not None and (searched := asking.stands_alone(text, self.config)) is not None:
            self._questions.expect(searched)

    def spoken(self, memory: Memory) -> list[str]:
        """The passages of a memory as they are indexed and embedded: the speaker's name before each."""
        before = f"{memory.speaker}: " if memory.speaker else ""
        return [clean(before + part) for part in passages.split(memory.text)]

    def prepare(self, memory: Memory, known: Sequence[Embedded] | None = None) -> Prepared:
        """The slow half: words, traits and vectors of one memory. `known`: what this embedder made of `spoken(memory)` before."""
        texts = [clean(part) for part in passages.split(memory.text)]
        spoken = self.spoken(memory)
        embedded = self._embedded(spoken, known)
        rows = tuple(self._row(memory, text, said, found) for text, said, found in zip(texts, spoken, embedded, strict=True))
        return Prepared(memory.id, memory.at.timestamp(), memory.speaker, memory.thread, sectors.classify(memory.text), rows)

    def _row(self, memory: Memory, text: str, said: str, embedded: Embedded | None) -> Row:
        named = traits.names(text)
        return Row(
            terms=Counter(terms(said, self.config.language)),
            traits=traits.read(text, named),
            spans=tuple(times.spans(text, memory.at)[:8]),
            entities=tuple(sorted({name.casefold() for name in named}))[:16],
            embedded=embedded,
        )

    def _embedded(self, spoken: Sequence[str], known: Sequence[Embedded] | None) -> Sequence[Embedded | None]:
        if known is not None and len(known) == len(spoken):
            return known
        return self.embedder.embed(spoken) if self.embedder else [None] * len(spoken)

    def recall(self, index: Index, query: Query, k: int = 10, rerank: Rerank | None = None) -> Recalled:
        """The k best memories of an index for a question."""
        if not len(index):
            return Recalled([], self._notes(index))
        view = views.of(index, self.config.gap_hours)
        ask = asking.analyse(query, index, view.latest, self.config, self._questions)
        match self.config.strategy:
            case "linear":
                parts, scores = linear(index, view, ask, self.config)
            case "rrf":
                parts = reciprocal(index, view, ask, self.config)
                scores = total(parts, len(view))
            case "openmemory":
                parts = openmemory.parts(index, view, ask, self.config)
                scores = openmemory.score(parts)
        hits = _hits(view, scores, parts, max(k, 50) if rerank else k)
        if rerank is not None:
            hits = _reranked(hits, rerank(query.text, [hit.id for hit in hits[:50]]))[:k]
        return Recalled(hits, self._notes(index), ask.widened)

    def _notes(self, index: Index) -> list[str]:
        if self.embedder is None:
            return [self._unavailable]
        return [NO_TOKENS] if index.vector_count and not index.token_rows else []


def total(parts: dict[str, Floats], rows: int) -> Floats:
    found = np.zeros(rows, np.float32)
    for values in parts.values():
        found += values
    return found


def linear(index: Index, view: View, ask: Ask, config: RecallConfig) -> tuple[dict[str, Floats], Floats]:
    """All parts, weighted, and their sum: the cheap ones for every row, late interaction for the best of those."""
    parts = _fuse(_cheap(index, view, ask, config), config)
    scores = total(parts, len(view))
    if (config.late.weight or config.late.own) and ask.embedded is not None:
        added = _fuse(_late(index, view, ask, scores, config), config)
        parts |= added
        for values in added.values():
            scores += values
    if config.waypoint:
        parts["waypoint"] = edges.activation(index, view, scores) * np.float32(config.waypoint)
        scores += parts["waypoint"]
    return parts, scores


def _cheap(index: Index, view: View, ask: Ask, config: RecallConfig) -> dict[str, Floats]:
    parts: dict[str, Floats] = {}
    if config.lexical.weight:
        parts["lexical"] = stages.lexical(index, view, ask, config.lexical, config.most_terms) * np.float32(config.lexical.weight)
    if config.dense.weight and ask.embedded is not None:
        parts["dense"] = stages.dense(index, view, ask, config.dense) * np.float32(config.dense.weight)
    parts |= stages.signs(index, view, ask, config.signs)
    if ask.spans:
        parts["date"] = stages.dates(index, view, ask, config.dates) * np.float32(config.dates.weight)
    if config.recency:
        parts["recency"] = stages.recency(view, ask, config.recency_days) * np.float32(config.recency)
    return parts


def _fuse(parts: dict[str, Floats], config: RecallConfig) -> dict[str, Floats]:
    """Learned factors, if the configuration has any."""
    for name, factor in (config.fusion or {}).items():
        if name in parts:
            parts[name] = parts[name] * np.float32(factor)
    return parts


def _late(index: Index, view: View, ask: Ask, scores: Floats, config: RecallConfig) -> dict[str, Floats]:
    candidates = np.sort(stages.top(scores, config.late.candidates))
    spread, own = stages.late(index, view, ask, candidates, config.late, config.most_terms)
    found = {"late": np.zeros(len(view), np.float32), "late_own": np.zeros(len(view), np.float32)}
    found["late"][candidates] = spread * np.float32(config.late.weight)
    found["late_own"][candidates] = own * np.float32(config.late.own)
    return found


def reciprocal(index: Index, view: View, ask: Ask, config: RecallConfig) -> dict[str, Floats]:
    """Reciprocal rank fusion (Cormack et al. 2009) of the lexical and the dense order: 1 / (k + rank)."""
    parts = {"lexical": stages.lexical(index, view, ask, config.lexical), "dense": stages.dense(index, view, ask, config.dense)}
    for name, values in parts.items():
        ranks = np.empty(len(values), np.float32)
        ranks[stages.top(values, len(values))] = np.arange(1, len(values) + 1)
        parts[name] = 1.0 / (config.rrf_k + ranks)
    return parts


def _hits(view: View, scores: Floats, parts: dict[str, Floats], k: int) -> list[Hit]:
    """The best row of each memory, best memories first."""
    found: dict[str, Hit] = {}
    want = k
    while True:
        order: NDArray[np.int64] = stages.top(scores, want)
        for at in order.tolist():
            name = view.id(at)
            if name not in found and len(found) < k:
                said = {part: float(values[at]) for part, values in parts.items() if values[at]}
                found[name] = Hit(name, float(scores[at]), said, view.keys[at][3])
        if len(found) >= k or want >= len(scores):
            return list(found.values())
        want *= 2


def _reranked(hits: list[Hit], order: Sequence[str]) -> list[Hit]:
    by_id = {hit.id: hit for hit in hits}
    first = [by_id.pop(name) for name in dict.fromkeys(order) if name in by_id]
    return first + list(by_id.values())
