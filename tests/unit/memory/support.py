"""A made-up embedder and made-up memories: the arithmetic is tested without the model, the model is tested in test_embed.py."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from worker.memory.embed import TOKEN_DIMS, Embedded, quantise_rows, unit
from worker.memory.engine import Engine
from worker.memory.index import Index, Memory, fill
from worker.memory.words import terms

DIMS = 384
START = datetime(2024, 3, 4, 10, tzinfo=UTC)


def _noise(word: str, dims: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:8])
    return np.random.default_rng(seed).normal(size=dims).astype(np.float32)


class WordEmbedder:
    """Every word has a fixed random direction; a text is the sum of its words."""

    name = "words"

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Embedded:
        words = terms(text)[:200]
        total = np.sum([_noise(word, DIMS) for word in words] or [np.ones(DIMS, np.float32)], axis=0, dtype=np.float32)
        rows = np.array([unit(_noise(word, TOKEN_DIMS)) for word in words], np.float32).reshape(len(words), TOKEN_DIMS)
        ids = np.array([int.from_bytes(hashlib.sha256(word.encode()).digest()[:3]) for word in words], np.int32)
        return Embedded(unit(total), ids, *quantise_rows(rows))


def memory(number: int, text: str, speaker: str = "Ada", minutes: float | None = None, thread: str = "") -> Memory:
    at = START + timedelta(minutes=number if minutes is None else minutes)
    return Memory(f"m{number:04d}", text, at, speaker, thread)


def index_of(engine: Engine, memories: Sequence[Memory]) -> Index:
    return fill(Index(), [engine.prepare(one) for one in memories])
