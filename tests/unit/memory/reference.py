"""BERT's encoder in plain numpy (Devlin et al. 2018), slow and obvious: what the ONNX graph is held against."""

from collections.abc import Mapping
from math import erf
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def _norm(x: Array, weights: Mapping[str, Any], name: str) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])


def _dense(x: Array, weights: Mapping[str, Any], name: str) -> Array:
    return np.asarray(x @ weights[f"{name}.weight"].T.astype(np.float64) + weights[f"{name}.bias"])


def _attention(x: Array, weights: Mapping[str, Any], name: str, heads: int) -> Array:
    query, key, value = (_dense(x, weights, f"{name}.self.{part}") for part in ("query", "key", "value"))
    each = x.shape[1] // heads
    mixed = np.empty_like(x)
    for head in range(heads):
        cut = slice(head * each, (head + 1) * each)
        raw = query[:, cut] @ key[:, cut].T / np.sqrt(each)
        shares = np.exp(raw - raw.max(axis=1, keepdims=True))
        mixed[:, cut] = shares / shares.sum(axis=1, keepdims=True) @ value[:, cut]
    return _norm(_dense(mixed, weights, f"{name}.output.dense") + x, weights, f"{name}.output.LayerNorm")


def encode(weights: Mapping[str, Any], ids: Any, layers: int = 6, heads: int = 12) -> Array:
    """Token ids [n], markers included -> last hidden states [n, width]."""
    words = weights["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    places = weights["embeddings.position_embeddings.weight"][: len(ids)] + weights["embeddings.token_type_embeddings.weight"][0]
    x = _norm(words + places, weights, "embeddings.LayerNorm")
    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        x = _attention(x, weights, f"{name}.attention", heads)
        wide = _dense(x, weights, f"{name}.intermediate.dense")
        active = wide * 0.5 * (1.0 + np.vectorize(erf)(wide / np.sqrt(2.0)))
        x = _norm(_dense(active, weights, f"{name}.output.dense") + x, weights, f"{name}.output.LayerNorm")
    return x
