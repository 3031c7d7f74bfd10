"""`tzurot bench smallmodel`: how long the toy model takes, in this process, on as many threads as where it answers."""

import resource
import tempfile
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from engine.clock import monotonic
from engine.terminal import Json, say, table
from tests.support import toy
from worker.smallmodel import weights
from worker.smallmodel.__main__ import THREADS
from worker.smallmodel.architecture import Architecture
from worker.smallmodel.gguf import Gguf
from worker.smallmodel.graph import build
from worker.smallmodel.language import Language, Sampling

QUESTIONS = ("Who are you?", "What do you like to eat?", "Tell me of your ship.", "I lost my job today.", "Sing something.")
BEFORE = [
    ("system", "You are a loud old pirate, captain of a leaky ship. Answer in one or two short sentences."),
    ("user", "I am tired."),
    ("assistant", "Then drop yer anchor and rest yer bones, matey! The sea will still be there tomorrow, wet as ever."),
]


def smallmodel(
    answers: Annotated[int, typer.Option(min=2, help="How many questions are answered.")] = 10,
    tokens: Annotated[int, typer.Option(min=2, help="Tokens of an answer at most.")] = 45,
    made: Annotated[bool, typer.Option("--made", help="Measure a model of two layers made here instead: whether it runs at all.")] = False,
    json: Json = False,
) -> None:
    """Load the toy model and have it answer: time to the first token of a new prompt and of one that begins as the last did, pace."""
    begun = monotonic()
    with tempfile.TemporaryDirectory() as folder:
        language = _made(Path(folder)) if made else _real()
        loaded = monotonic() - begun
        firsts, paces = [], []
        for number in range(answers):
            first, pace = _answer(language, QUESTIONS[number % len(QUESTIONS)], tokens, number)
            firsts.append(first * 1000)
            paces.append(pace)
    rows = [
        {
            "name": "made" if made else weights.NAME,
            "threads": THREADS,
            "load_s": round(loaded, 3),
            "first_new_ms": round(firsts[0], 1),
            "first_ms": round(median(firsts[1:]), 1),
            "tokens_per_s": round(median(paces), 1),
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
    ]
    say({"rows": rows}, json=json)
    if not json:
        table(tuple(rows[0]), [tuple(row.values()) for row in rows])


def _real() -> Language:
    files = weights.prepared(Architecture())
    return Language(Gguf(files.weights), files.graph, Architecture(), THREADS)


def _made(folder: Path) -> Language:
    file, graph = Gguf(toy.write(folder / "toy.gguf")), folder / "toy.onnx"
    graph.write_bytes(build(file.float, toy.SHAPE))
    return Language(file, graph, toy.SHAPE, THREADS)


def _answer(language: Language, question: str, most: int, seed: int) -> tuple[float, float]:
    """Seconds to the first token, and tokens a second after it."""
    prompt = language.prompt([*BEFORE, ("user", question)])[-(language.shape.window - most) :]
    begun = monotonic()
    first, count = 0.0, 0
    for _ in language.answer(prompt, most, Sampling(temperature=0.7, seed=seed), lambda: True):
        first = first or monotonic() - begun
        count += 1
    return first, max(count - 1, 0) / max(monotonic() - begun - first, 1e-9)
