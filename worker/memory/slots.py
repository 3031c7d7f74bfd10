"""What an index knows of each row, in arrays by slot."""

import numpy as np

from worker.memory.embed import Embedded
from worker.memory.tokens import Tokens
from worker.memory.traits import Traits
from worker.memory.vectors import Vectors


class Slots:
    """Arrays that grow by a quarter; freed slots are used again."""

    def __init__(self) -> None:
        self.lengths = np.zeros(0, np.int32)
        self.traits = np.zeros((0, len(Traits._fields)), np.int8)
        self.times = np.zeros(0, np.float64)
        self.speakers = np.zeros(0, np.int32)
        self.threads = np.zeros(0, np.int32)
        self.vectors = Vectors()
        self.tokens = Tokens()
        self.free: list[int] = []

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self) -> int:
        """A free slot."""
        if not self.free:
            held = len(self)
            self._grow(64 + held // 256 * 64)
            self.free = list(range(len(self) - 1, held - 1, -1))
        return self.free.pop()

    def _grow(self, more: int) -> None:
        self.lengths = np.append(self.lengths, np.zeros(more, np.int32))
        self.traits = np.append(self.traits, np.zeros((more, self.traits.shape[1]), np.int8), axis=0)
        self.times = np.append(self.times, np.zeros(more))
        self.speakers = np.append(self.speakers, np.zeros(more, np.int32))
        self.threads = np.append(self.threads, np.zeros(more, np.int32))
        self.vectors.room(more)
        self.tokens.room(more)

    def embed(self, slot: int, embedded: Embedded) -> None:
        """Keep what the model made of a row."""
        self.vectors.put(slot, embedded.vector)
        self.tokens.put(slot, embedded.token_ids, embedded.tokens, embedded.scales)

    def embedded(self, slot: int) -> Embedded | None:
        """What was kept, the vector rounded."""
        return Embedded(self.vectors.get(slot), *self.tokens.get(slot)) if self.vectors.held[slot] else None

    def clear(self, slot: int) -> None:
        if self.vectors.held[slot]:
            self.vectors.drop(slot)
            self.tokens.drop(slot)
        self.free.append(slot)
