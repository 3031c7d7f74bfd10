"""Text to vectors: one unit vector per text, and one small vector per token for late interaction.

Every text is run alone (see graph.py): the same text gives the same bits whatever else is embedded. Token vectors are
centred, scaled to length one, projected on a fixed orthogonal basis and kept as int8 with a scale each.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no stubs exist
from tokenizers import Tokenizer

from worker.memory import model
from worker.memory.words import clean

WINDOW: Final = 254
"""Tokens of one run, without the two markers: the model was trained on 256."""
LONGEST: Final = 16_384
"""Characters of one text that are embedded; `passages.split` gives far shorter ones."""
THREADS: Final = min(2, os.cpu_count() or 1)
"""Of one run. The second takes a quarter off a question's embedding where a core is free, and costs a tenth more of the processor."""
TOKEN_DIMS: Final = 128
BASIS_SEED: Final = 20_230_508

Vector = NDArray[np.float32]

threadpool_limits(limits=1, user_api="blas")
"""One BLAS thread for the process: the matrices are small, and threads that wait for a busy core turn 0.1 ms into 20."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """`vector` float32 [dims] of length 1; `token_ids` int32 [n]; `tokens` int8 [n, token dims]; `scales` float32 [n]."""

    vector: Vector
    token_ids: NDArray[np.int32]
    tokens: NDArray[np.int8]
    scales: Vector


class Embedder(Protocol):
    """`name` identifies model and format: what one embedder made is never compared with what another made."""

    @property
    def name(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> list[Embedded]: ...


def unit(vector: Vector) -> Vector:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def no_tokens() -> tuple[NDArray[np.int32], NDArray[np.int8], Vector]:
    return np.zeros(0, np.int32), np.zeros((0, TOKEN_DIMS), np.int8), np.zeros(0, np.float32)


def quantise_rows(rows: Vector) -> tuple[NDArray[np.int8], Vector]:
    """int8 per row of a [n, d] matrix and the scales [n] that undo it."""
    scales = np.maximum(np.abs(rows).max(axis=1, initial=0.0), 1e-12) / 127.0
    return np.rint(rows / scales[:, None]).astype(np.int8), scales.astype(np.float32)


class OnnxEmbedder:
    """The built-in model. Thread-safe; build one per process."""

    def __init__(self, files: model.ModelFiles, threads: int = THREADS, named: str = model.NAME) -> None:
        self._files, self._named = files, named
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A thread that waits for work by spinning takes as much of a core as one that has some: half of what a text cost.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(files.graph), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    @property
    def name(self) -> str:
        return f"{self._named}.v{model.FORMAT}.{TOKEN_DIMS}"

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        return [self._one(text) for text in texts]

    def ids(self, text: str) -> list[int]:
        """Token ids of a text without the markers."""
        found: list[int] = self._tokenizer.encode(clean(text)[:LONGEST], add_special_tokens=False).ids
        return found

    def hidden(self, ids: Sequence[int]) -> Vector:
        """The last hidden states [n + 2, width] of the text between its markers."""
        fed = np.array([101, *ids, 102], dtype=np.int64)
        return cast(Vector, self._session.run(None, {"input_ids": fed})[0])

    def _one(self, text: str) -> Embedded:
        ids = self.ids(text)
        windows = [ids[i : i + WINDOW] for i in range(0, max(len(ids), 1), WINDOW)]
        states = [self.hidden(window) for window in windows]
        vector = unit(np.sum([unit(state.mean(axis=0)) * len(state) for state in states], axis=0, dtype=np.float32))
        inner = np.concatenate([state[1:-1] for state in states])
        tokens, scales = self.project(inner)
        return Embedded(vector, np.array(ids, np.int32), tokens, scales)

    def project(self, inner: Vector) -> tuple[NDArray[np.int8], Vector]:
        if not len(inner):
            return no_tokens()[1:]
        mean, basis = self._basis
        centred = inner - mean
        centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
        return quantise_rows(np.asarray(centred @ basis, np.float32))

    @cached_property
    def _basis(self) -> tuple[Vector, Vector]:
        path = self._files.graph.with_suffix(f".basis{TOKEN_DIMS}.npy")
        found = model.read_array(path, (TOKEN_DIMS + 1, self.hidden([]).shape[1]))
        if found is None:
            found = self._compute_basis()
            model.write_array(path, found)
        return found[0], np.ascontiguousarray(found[1:].T)

    def _compute_basis(self) -> Vector:
        """Mean and main directions of token vectors over nonsense made of the vocabulary's own words: needs no corpus, favours none."""
        words = sorted(w for w in self._tokenizer.get_vocab() if w.isascii() and w.isalpha() and len(w) > 2)
        picks = np.random.default_rng(BASIS_SEED).choice(len(words), (256, 12))
        states = [self.hidden(self.ids(" ".join(words[i] for i in row)))[1:-1] for row in picks]
        rows = np.concatenate(states).astype(np.float64)
        mean = rows.mean(axis=0)
        _, vectors = np.linalg.eigh((rows - mean).T @ (rows - mean))
        basis = vectors[:, ::-1][:, :TOKEN_DIMS]
        basis = basis * np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(TOKEN_DIMS)])
        return np.concatenate([mean[None, :], basis.T]).astype(np.float32)


Post = Callable[[Mapping[str, object]], Mapping[str, object]]
"""Posts a JSON body to the endpoint's `/embeddings` and returns the JSON answer."""


class HttpEmbedder:
    """An OpenAI-compatible endpoint. It gives no token vectors: that stage of the ranking is off, and the answer says so."""

    def __init__(self, post: Post, name: str, batch: int = 64) -> None:
        self._post, self._name, self._batch = post, name, batch

    @property
    def name(self) -> str:
        return f"http.{self._name}"

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        parts = [texts[i : i + self._batch] for i in range(0, len(texts), self._batch)]
        return [found for part in parts for found in self._some(part)]

    def _some(self, texts: Sequence[str]) -> list[Embedded]:
        answer = self._post({"model": self._name, "input": [clean(text) or " " for text in texts], "encoding_format": "float"})
        rows = answer.get("data")
        if not isinstance(rows, list) or len(rows) != len(texts):
            raise model.ModelUnavailable(f"The embeddings endpoint answered {self._name} without one vector per text.")
        ordered = sorted(rows, key=lambda row: int(row.get("index", 0)))
        vectors = [np.asarray(row.get("embedding", ()), dtype=np.float32) for row in ordered]
        finite = all(vector.ndim == 1 and vector.size and np.isfinite(vector).all() for vector in vectors)
        if not finite or len({vector.shape for vector in vectors}) != 1:
            raise model.ModelUnavailable(f"The embeddings endpoint answered {self._name} with vectors that cannot be used.")
        return [Embedded(unit(vector), *no_tokens()) for vector in vectors]


EMBEDDERS: Final = {f"{name}.v{model.FORMAT}.{TOKEN_DIMS}": name for name in (model.NAME, model.EXACT)}
"""Names of what the built-in embedders make, and which model each is. The first is used where none was chosen."""


def load(
    progress: model.Progress = lambda _: None, folder: Path | None = None, threads: int = THREADS, name: str = model.NAME
) -> OnnxEmbedder:
    """A built-in embedder, its graph built on the first call ever; the number of threads changes no bit. Raises ModelUnavailable."""
    return OnnxEmbedder(model.ensure(progress, folder, name=name), threads, name)
