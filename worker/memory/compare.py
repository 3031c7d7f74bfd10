"""Asks two generations the same questions, those that were answered last, and says what each finds. No model is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.store import Log
from projections.models.memories import generations, memory_scope
from projections.models.memories.memory_scope import MemoryScope
from projections.prompt.recall import Question, Remembered
from projections.prompt.sections import remembered
from worker.memory.hot import OLDER, Recaller


@dataclass(frozen=True, slots=True)
class Found:
    """What one generation finds for a question: kinds and texts, the best first, and the score of the best."""

    refs: tuple[str, ...]
    kinds: tuple[str, ...]
    texts: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Compared:
    """One question and what both find; `shared` of the best are the same."""

    question: str
    left: Found
    right: Found

    @property
    def shared(self) -> float:
        best = max(len(self.left.refs), len(self.right.refs))
        return len(set(self.left.refs) & set(self.right.refs)) / best if best else 1.0


async def compare(log: Log, kind: str, left: str, right: str, *, questions: int = 20) -> list[Compared]:
    """What two generations of a kind, summary or vectors, find for the messages that were answered last."""
    sides = [Recaller(log, only=name if kind == "vectors" else None) for name in (left, right)]
    async with log.pool.connection() as connection:
        scopes = await generations.answered(connection, questions)
    found = list[Compared]()
    try:
        for scope in scopes:
            asked = (await remembered.contents(log, [str(scope.until)]))[0]
            if asked.erased or not asked.text.strip():
                continue
            both = [
                await _found(log, recaller, replace(scope, generation=name) if kind == "summary" else scope)
                for recaller, name in zip(sides, (left, right), strict=True)
            ]
            found.append(Compared(asked.text, *both))
    finally:
        for recaller in sides:
            await recaller.close()
    return found


async def _found(log: Log, recaller: Recaller, scope: MemoryScope) -> Found:
    async with log.pool.connection() as connection:
        candidates = await memory_scope.met(connection, scope)
    hits: Sequence[Remembered] = await recaller(Question(scope, str(scope.until), (), candidates, frozenset()))
    hits = hits[:OLDER]
    contents = await remembered.contents(log, [hit.ref for hit in hits])
    return Found(
        tuple(remembered.base(hit.ref) for hit in hits),
        tuple(one.kind for one in contents),
        tuple(" ".join(one.text.split())[:120] for one in contents),
        hits[0].score if hits else 0.0,
    )
