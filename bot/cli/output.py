"""How every command speaks: JSON for programs on standard output, words for people, errors as one sentence."""

from collections.abc import Mapping, Sequence

from engine.outside.printed import printable
from engine.terminal import Json, echo, say, table

__all__ = ["Json", "as_json", "echo", "error", "listed", "printable", "table"]


def as_json(value: object) -> None:
    """Print one JSON value on a line of its own."""
    say(value, json=True)


def error(sentence: str, *, json: bool, extra: Mapping[str, object] | None = None) -> None:
    """Say why a command failed: a sentence on standard error, and with `json` an object on standard output."""
    if json:
        as_json({"error": sentence, **(extra or {})})
    else:
        echo(f"Error: {sentence}", err=True)


def listed(rows: Sequence[Mapping[str, object]], empty: str, *, json: bool, columns: Sequence[str] = ()) -> None:
    """Print rows as a table of all their columns or of these, or the sentence `empty` where there are none; with `json` as they are."""
    say(rows, json=json)
    if json:
        return
    if rows:
        shown = tuple(columns or rows[0])
        table(shown, [tuple(row[name] for name in shown) for row in rows])
    else:
        echo(empty)
