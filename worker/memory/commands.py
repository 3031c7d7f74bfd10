"""`tzurot memory model`: build the embedding model's graph ahead of the first use, or say why it cannot be used."""

import sys
from typing import Annotated

import orjson
import typer

from worker.memory import generation_commands


def model_command(
    json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output; progress goes to standard error.")] = False,
) -> None:
    """Check the embedding model's files and build its graph into the cache, once."""
    from worker.memory import embed, files, model  # loads onnxruntime, which no other command needs

    try:
        embedder = embed.load(lambda line: print(line, file=sys.stderr))
        width = len(embedder.embed(["ready"])[0].vector)
    except model.ModelUnavailable as error:
        print(f"Error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    found = {"model": embedder.name, "folder": str(files.cache_dir()), "dimensions": width, "token_dimensions": embed.TOKEN_DIMS}
    print(orjson.dumps(found).decode() if json else "\n".join(f"{name}: {value}" for name, value in found.items()))


def register(app: typer.Typer) -> None:
    """Add `model` to a group of memory commands."""
    app.command("model")(model_command)
    generation_commands.register(app)
