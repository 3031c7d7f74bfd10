"""A language model so small that a test makes it: a GGUF file with random weights and the letters of the alphabet for words."""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from worker.smallmodel.architecture import Architecture
from worker.smallmodel.gguf import BLOCK

SHAPE = Architecture(width=64, heads=2, groups=1, layers=2, inner=64, words=64, window=64)
WORDS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "Ċ", "Ġ", *map(chr, range(ord("!"), ord("!") + 59))]


def _text(words: str) -> bytes:
    data = words.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    kind = 8 if not value or isinstance(value[0], str) else 4
    inner = b"".join(_text(one) if kind == 8 else struct.pack("<I", one) for one in value)
    return struct.pack("<IIQ", 9, kind, len(value)) + inner


def q8(rows: np.ndarray[Any, np.dtype[np.float32]]) -> bytes:
    """Rows as Q8_0: per 32 values a scale and bytes."""
    blocks = rows.reshape(-1, BLOCK)
    scale = (np.abs(blocks).max(axis=1) / 127).astype("<f2")
    values = np.rint(blocks / scale.astype(np.float32)[:, None]).clip(-127, 127).astype("i1")
    return b"".join(one.tobytes() + row.tobytes() for one, row in zip(scale, values, strict=True))


def q4(rows: np.ndarray[Any, np.dtype[np.float32]]) -> bytes:
    """Rows as Q4_1: per 32 values a scale, the least of them and half bytes."""
    blocks = rows.reshape(-1, BLOCK)
    least = blocks.min(axis=1).astype("<f2")
    scale = ((blocks.max(axis=1) - least.astype(np.float32)) / 15).astype("<f2")
    values = np.rint((blocks - least.astype(np.float32)[:, None]) / scale.astype(np.float32)[:, None]).clip(0, 15).astype("u1")
    half = values[:, : BLOCK // 2] | values[:, BLOCK // 2 :] << 4
    return b"".join(s.tobytes() + m.tobytes() + row.tobytes() for s, m, row in zip(scale, least, half, strict=True))


def tensors(seed: int = 7) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Every tensor of the model by its name."""
    random, s = np.random.default_rng(seed), SHAPE
    found = {"token_embd.weight": random.normal(0, 1, (s.words, s.width)), "output_norm.weight": random.normal(1, 0.1, s.width)}
    narrow = s.groups * s.head
    for layer in range(s.layers):
        forms = {"attn_q": s.width, "attn_k": narrow, "attn_v": narrow, "attn_output": s.width}
        forms |= {"ffn_gate": s.inner, "ffn_up": s.inner, "ffn_down": s.width}
        found |= {f"blk.{layer}.{name}.weight": random.normal(0, 0.15, (rows, s.width)) for name, rows in forms.items()}
        found |= {f"blk.{layer}.{name}.weight": random.normal(1, 0.1, s.width) for name in ("attn_norm", "ffn_norm")}
    return {name: value.astype(np.float32) for name, value in found.items()}


def write(path: Path) -> Path:
    """The file."""
    meta = {
        "general.architecture": "llama",
        "tokenizer.ggml.tokens": WORDS,
        "tokenizer.ggml.merges": [],
        "tokenizer.ggml.token_type": [3, 3, 3, *[1] * (len(WORDS) - 3)],
    }
    made = tensors()
    entries, data = b"", b""
    for name, value in made.items():
        form = 0 if value.ndim == 1 else 8 if name == "token_embd.weight" else 3
        entries += _text(name) + struct.pack("<I", value.ndim) + struct.pack(f"<{value.ndim}Q", *value.shape[::-1])
        entries += struct.pack("<IQ", form, len(data))
        data += value.astype("<f4").tobytes() if form == 0 else q8(value) if form == 8 else q4(value)
        data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(made), len(meta)) + b"".join(_text(key) + _value(value) for key, value in meta.items())
    head += entries
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path
