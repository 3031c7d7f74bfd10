"""How the commands of the lower rooms speak: JSON lines or tables on standard output, progress on standard error."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs to standard output; progress goes to standard error.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without this only what would be done is shown.")]


def say(value: object, *, json: bool, words: str = "") -> None:
    """One result: the value as JSON, or the words."""
    if json:
        sys.stdout.write(orjson.dumps(value, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS).decode())
        sys.stdout.flush()
    elif words:
        typer.echo(words)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for a person."""
    drawn = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        drawn.add_row(*("" if cell is None else str(cell) for cell in row))
    Console(highlight=False).print(drawn)


class Bars:
    """Progress bars on standard error, one per name; plain silence when that is no terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks = dict[str, TaskID]()

    def show(self, name: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done, total=total)


@contextmanager
def bars() -> Iterator[Bars]:
    """Bars with count, rate and time left, for as long as the block lasts."""
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.speed:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bars(progress)
