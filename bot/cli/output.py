"""How every command speaks: JSON for programs on standard output, words for people, errors as one sentence."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs to standard output; progress goes to standard error.")]


def as_json(value: object) -> None:
    """Print one JSON value on a line of its own."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE, default=str).decode())
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print a table for a person."""
    drawn = Table(*columns, title=title or None, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        drawn.add_row(*row)
    Console(highlight=False).print(drawn)


def error(sentence: str, *, json: bool, extra: Mapping[str, object] | None = None) -> None:
    """Say why a command failed: a sentence on standard error, and with `json` an object on standard output."""
    if json:
        as_json({"error": sentence, **(extra or {})})
    else:
        print(f"Error: {sentence}", file=sys.stderr)
