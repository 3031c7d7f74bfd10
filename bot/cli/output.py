"""How every command speaks: JSON for programs on standard output, words for people, errors as one sentence."""

from collections.abc import Mapping

from engine.outside.printed import printable
from engine.terminal import Json, echo, say, table

__all__ = ["Json", "as_json", "echo", "error", "printable", "table"]


def as_json(value: object) -> None:
    """Print one JSON value on a line of its own."""
    say(value, json=True)


def error(sentence: str, *, json: bool, extra: Mapping[str, object] | None = None) -> None:
    """Say why a command failed: a sentence on standard error, and with `json` an object on standard output."""
    if json:
        as_json({"error": sentence, **(extra or {})})
    else:
        echo(f"Error: {sentence}", err=True)
