"""`tzurot bench memory` and `tzurot bench recall`."""

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from tests.bench.memory import data, quality, speed
from worker.memory import embed
from worker.memory.config import RecallConfig
from worker.memory.model import ModelUnavailable

Json = Annotated[bool, typer.Option("--json", help="Print JSON to standard output; progress goes to standard error.")]
NoModel = Annotated[bool, typer.Option("--no-model", help="Rank without an embedding model: words, speakers and dates only.")]


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _fail(sentence: str) -> typer.Exit:
    _say(f"Error: {sentence}")
    return typer.Exit(1)


def _embedder(no_model: bool, threads: int = embed.THREADS) -> embed.OnnxEmbedder | None:
    if no_model:
        return None
    try:
        return embed.load(_say, threads=threads)
    except ModelUnavailable as error:
        raise _fail(f"{error} Or measure without a model: --no-model") from None


def _print(report: dict[str, object], json: bool) -> None:
    if json:
        sys.stdout.write(orjson.dumps(report).decode() + "\n")
        return
    for name, value in report.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, inner in value.items():
                print(f"  {key:<14} {inner}")
        else:
            print(f"{name:<16} {value}")


def memory(
    data_: Annotated[Path, typer.Option("--data", help="File (or folder) of the public set; it stays where it is.", exists=True)],
    format_: Annotated[data.Format, typer.Option("--format", help="The set's format.")] = "locomo",
    config: Annotated[
        Path | None, typer.Option("--config", help="JSON of a ranking configuration instead of the default.", exists=True)
    ] = None,
    baselines: Annotated[bool, typer.Option("--baselines/--no-baselines", help="Measure the baselines too.")] = True,
    no_model: NoModel = False,
    json: Json = False,
) -> None:
    """How well memories are found: recall@k, hit@k and MRR of the turns that hold the answer, beside five baselines."""
    try:
        cases = data.load(data_, format_)
        chosen = RecallConfig.model_validate_json(config.read_bytes()) if config else RecallConfig()
    except (ValueError, OSError) as error:
        raise _fail(str(error)) from None
    _print(quality.report(cases, chosen, _embedder(no_model), baselines, _say), json)


def recall(
    memories: Annotated[int, typer.Option("--memories", min=100, help="How many generated memories the index holds.")] = 10_000,
    queries: Annotated[int, typer.Option("--queries", min=10, help="How many questions are timed.")] = 300,
    postgres: Annotated[bool, typer.Option("--postgres/--no-postgres", help="Time pgvector on the same vectors too.")] = True,
    threads: Annotated[
        int, typer.Option("--threads", min=1, max=64, help="Threads of the embedding model; the product uses the default.")
    ] = embed.THREADS,
    json: Json = False,
) -> None:
    """How fast: recall with the question's embedding over generated memories, beside pgvector on the same vectors."""
    embedder = _embedder(no_model=False, threads=threads)
    assert embedder is not None
    _print(speed.report(memories, queries, embedder, postgres, _say), json)


app = typer.Typer(help="Benchmarks of memory.", no_args_is_help=True)
app.command()(memory)
app.command()(recall)

if __name__ == "__main__":
    app()
