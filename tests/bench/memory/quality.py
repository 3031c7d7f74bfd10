"""How well memories are found: the engine and the baselines over a public set."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from tests.bench.memory import baselines, measure
from tests.bench.memory.measure import Outcome
from tests.bench.memory.shapes import Case
from worker.memory.config import RecallConfig
from worker.memory.embed import Embedder, OnnxEmbedder
from worker.memory.engine import Engine
from worker.memory.index import Index, fill
from worker.memory.words import raw_words

Say = Callable[[str], None]


def build(cases: Sequence[Case], engine: Engine, say: Say) -> list[Index]:
    """One index per case."""
    found = []
    for case in cases:
        say(f"{case.name}: embedding {len(case.memories)} memories")
        found.append(fill(Index(), [engine.prepare(memory) for memory in case.memories]))
    return found


def ask(cases: Sequence[Case], indexes: Sequence[Index], engine: Engine, say: Say) -> list[Outcome]:
    """Every question once, timed with its own embedding."""
    found = []
    for case, index in zip(cases, indexes, strict=True):
        say(f"{case.name}: asking {len(case.questions)} questions")
        sizes = {memory.id: _tokens(memory.text, engine.embedder) for memory in case.memories}
        for question in case.questions:
            start = time.perf_counter()
            hits = engine.recall(index, question.query, k=measure.DEEPEST).hits
            taken = (time.perf_counter() - start) * 1000
            ids = [hit.id for hit in hits]
            tokens = sum(sizes[name] for name in ids[:10])
            found.append(measure.outcome(ids, question.evidence, question.category, question.apart, taken, tokens))
    return found


def _tokens(text: str, embedder: Embedder | None) -> int:
    return len(embedder.ids(text)) if isinstance(embedder, OnnxEmbedder) else sum(1 for _ in raw_words(text))


def report(cases: Sequence[Case], config: RecallConfig, embedder: Embedder | None, with_baselines: bool, say: Say) -> dict[str, object]:
    """The figures that `tzurot bench memory` prints."""
    engine = Engine(embedder, config)
    indexes = build(cases, engine, say)
    if cases:  # the first call pays for what is worked out once
        engine.recall(indexes[0], cases[0].questions[0].query)
    found = ask(cases, indexes, engine, say)
    counted = [one for one in found if not one.apart]
    times = [one.milliseconds for one in found]
    others = _baselines(cases, indexes, embedder, say) if with_baselines else {}
    return {
        **measure.summary(counted),
        "by_category": measure.by_category(found),
        "adversarial": measure.summary([one for one in found if one.apart]),
        "p50_ms": measure.percentile(times, 50),
        "p95_ms": measure.percentile(times, 95),
        "tokens_in_top_10": round(sum(one.tokens for one in found) / max(len(found), 1), 1),
        "memories": sum(len(case.memories) for case in cases),
        "without_evidence": sum(case.unmatched for case in cases),
        "baselines": {name: round(measure.recall(some, 10), 4) for name, some in others.items()},
        "baseline_details": {name: measure.summary(some) for name, some in others.items()},
        "by_case": {case.name: measure.summary(some) for case, some in _split(cases, found)},
        "embedder": embedder.name if embedder else None,
    }


def _baselines(cases: Sequence[Case], indexes: Sequence[Index], embedder: Embedder | None, say: Say) -> Mapping[str, list[Outcome]]:
    found = {}
    for name in baselines.CONFIGS:
        say(f"baseline {name}")
        found[name] = baselines.indexed(name, cases, indexes, embedder)
    say("baseline pg_fts")
    found["pg_fts"] = asyncio.run(baselines.postgres_text(cases))
    return {name: [one for one in some if not one.apart] for name, some in found.items()}


def _split(cases: Sequence[Case], found: Sequence[Outcome]) -> list[tuple[Case, list[Outcome]]]:
    parts, at = [], 0
    for case in cases:
        some = found[at : at + len(case.questions)]
        parts.append((case, [one for one in some if not one.apart]))
        at += len(case.questions)
    return parts
