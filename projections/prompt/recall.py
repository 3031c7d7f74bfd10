"""What a prompt asks of recall. The engine that ranks is the worker's; what a reference stands for: sections.remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from projections.models.memories.memory_scope import MemoryScope


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: the message at the reference `asked`, after the `recent` ones, among `candidates` (references of memory_scope).

    `held` are positions that the history may show already. `text`: what is looked for instead of that message's own words.
    """

    scope: MemoryScope
    asked: str
    recent: Sequence[str]
    candidates: Sequence[str]
    held: frozenset[int]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A memory that was found, with the parts of its score. `ref` says which passage of a long one: `812=800-1590`.

    `character` is the one whose reply it is.
    """

    ref: str
    score: float
    parts: Mapping[str, float]
    character: UUID | None = None


class Recall(Protocol):
    """Ranks memories for a question, the best first. Told of what comes it works ahead: neither `expect` nor `learn` waits or fails."""

    async def __call__(self, question: Question) -> Sequence[Remembered]: ...

    def expect(self, venue: str, channel: int, reader: UUID, text: str) -> None:
        """A question about this text will come, or not."""

    def learn(self, scope: MemoryScope) -> None:
        """Something was said: take it up, where questions were asked before."""
