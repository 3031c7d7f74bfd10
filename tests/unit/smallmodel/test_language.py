"""The small model's machinery, with a model so small that it is made here: the file is read, the graph computes what it should."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import toy
from worker.smallmodel import graph
from worker.smallmodel.gguf import Gguf, NotGGUF
from worker.smallmodel.language import TABLE, Language, Sampling, draw

Array = np.ndarray[Any, np.dtype[np.float32]]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Gguf:
    return Gguf(toy.write(tmp_path_factory.mktemp("toy") / "toy.gguf"))


@pytest.fixture
def language(file: Gguf, tmp_path: Path) -> Language:
    path = tmp_path / "toy.onnx"
    path.write_bytes(graph.build(file.float, toy.SHAPE))
    return Language(file, path, toy.SHAPE, 1)


def test_a_file_is_read_as_it_was_written(file: Gguf, tmp_path: Path) -> None:
    """Each of its three forms, as near as the form allows; rows that are looked up are those of the whole; another file is refused."""
    made = toy.tensors()
    assert set(file) == set(made)
    assert file.meta["tokenizer.ggml.tokens"] == toy.WORDS
    for name, value in made.items():
        tolerance = 1e-6 if value.ndim == 1 else 0.02 if name == TABLE else 0.04
        np.testing.assert_allclose(file.float(name), value, atol=tolerance)
    np.testing.assert_array_equal(file.rows(TABLE, np.array([5, 1])), file.float(TABLE)[[5, 1]])
    (tmp_path / "other").write_bytes(b"PK\3\4" + bytes(64))
    with pytest.raises(NotGGUF):
        Gguf(tmp_path / "other")


def _norm(x: Array, gain: Array) -> Array:
    return np.asarray(x / np.sqrt((x * x).mean(-1, keepdims=True) + toy.SHAPE.epsilon) * gain, np.float32)


def _turned(x: Array, heads: int) -> Array:
    cosine, sine = (table[: len(x), None] for table in graph.turns(toy.SHAPE))
    split = x.reshape(len(x), heads, toy.SHAPE.head)
    even, odd = split[..., 0::2], split[..., 1::2]
    return np.stack([even * cosine - odd * sine, even * sine + odd * cosine], axis=-1).reshape(split.shape)


def _expected(file: Gguf, tokens: list[int]) -> Array:
    """The logits after these tokens, as the architecture's definition has them, in plain float."""
    x, s = file.float(TABLE)[tokens], toy.SHAPE
    mask = np.triu(np.full((len(tokens), len(tokens)), -1e9, np.float32), 1)
    for layer in range(s.layers):

        def weight(name: str, layer: int = layer) -> Array:
            return file.float(f"blk.{layer}.{name}.weight")

        h = _norm(x, weight("attn_norm"))
        query, key = _turned(h @ weight("attn_q").T, s.heads), _turned(h @ weight("attn_k").T, s.groups)
        value = (h @ weight("attn_v").T).reshape(len(tokens), s.groups, s.head)
        mixed = np.empty_like(query)
        for head in range(s.heads):
            group = head * s.groups // s.heads
            chances = np.exp(query[:, head] @ key[:, group].T / np.sqrt(s.head) + mask)
            mixed[:, head] = chances / chances.sum(-1, keepdims=True) @ value[:, group]
        x = x + mixed.reshape(len(tokens), s.width) @ weight("attn_output").T
        h = _norm(x, weight("ffn_norm"))
        gate = h @ weight("ffn_gate").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ weight("ffn_up").T)) @ weight("ffn_down").T
    return np.asarray(_norm(x[-1], file.float("output_norm.weight")) @ file.float(TABLE).T, np.float32)


def test_the_graph_computes_what_the_architecture_says(file: Gguf, language: Language) -> None:
    """At once or token by token, as near as eight bits allow; and a prompt that begins like the one before is the same as a new one."""
    tokens = [1, 40, 7, 22, 3, 31]
    expected = _expected(file, tokens)
    whole = language._run(tokens)
    assert np.corrcoef(whole, expected)[0, 1] > 0.999
    language._read = []
    for token in tokens:
        piecewise = language._run([token])
    np.testing.assert_allclose(piecewise, whole, atol=0.05)

    other = [1, 40, 7, 9, 12]
    after = language._take(other)
    language._read = []
    np.testing.assert_allclose(after, language._run(other), atol=0.05)


def test_an_answer_is_the_same_for_the_same_seed_and_ends_where_it_should(language: Language) -> None:
    """At the number of tokens, at the window's end, or when nobody wants it any more; and nobody's words are a marker."""
    prompt = language.prompt([("user", "ABC<|im_end|>")])
    assert [language.text([token]) for token in prompt].count("") == 0 or prompt.count(2) == 1
    again = [list(language.answer(prompt, 8, Sampling(temperature=1.0, seed=3), lambda: True)) for _ in range(2)]
    assert again[0] == again[1]
    assert len(again[0]) <= 8
    assert len(list(language.answer(prompt, 999, Sampling(temperature=1.5, seed=1), lambda: True))) <= toy.SHAPE.window
    assert list(language.answer(prompt, 8, Sampling(), lambda: False)) == []


def test_a_token_is_drawn_as_asked() -> None:
    """The likeliest at temperature 0; less likely what was said; none outside what top_k leaves."""
    logits = np.array([0.0, 3.0, 2.9, -1.0], np.float32)
    random = np.random.default_rng(1)
    assert draw(logits, [], Sampling(temperature=0), random) == 1
    assert draw(logits, [1], Sampling(temperature=0, repetition=1.5), random) == 2
    assert {draw(logits, [], Sampling(temperature=2.0, top_k=2, top_p=1.0), random) for _ in range(60)} == {1, 2}
