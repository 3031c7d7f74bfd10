"""How the commands of the lower rooms speak: JSON lines or tables on standard output, progress on standard error."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from engine.outside.printed import json_line, plain, printable

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs to standard output; progress goes to standard error.")]
_NARROWEST = 9
"""Characters of a column below which its cells are torn to pieces."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}|\d{17,20}")
"""What is copied as a whole: ids of ours, sums of content, numbers of Discord's. In two lines it is of no use."""
_LONGEST_WITH_ID = 50
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without this only what would be done is shown.")]


def say(value: object, *, json: bool, words: str = "") -> None:
    """One result: the value as JSON, or the words."""
    if json:
        sys.stdout.write(json_line(value))
        sys.stdout.flush()
    elif words:
        echo(words)


def echo(text: str, *, err: bool = False) -> None:
    """A line for a person, made harmless: whoever wrote a part of it cannot write to the terminal."""
    typer.echo(printable(text), err=err)


def fields(value: Mapping[str, object]) -> str:
    """Names and values for a person, a line each."""
    width = max((len(name) for name in value), default=0)
    return "\n".join(f"{name:>{width}}  {plain(item)}" for name, item in value.items())


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "", empty: str = "") -> None:
    """A table for a person; without rows the sentence `empty`, or what there would have been. Cells are shown as they are.

    Where the terminal is too narrow for so many columns, or for an id in one line, each row is a block of names and values.
    """
    console, shown = Console(highlight=False), list(rows)
    if not shown:
        empty = empty or f"Nothing to show under {', '.join(filter(None, columns))}."
        return echo(f"{title}: {empty}" if title else empty)
    cells = [[printable("" if cell is None else str(cell)) for cell in row] for row in shown]
    kept = [_kept([row[n] for row in cells]) for n in range(len(columns))]
    least = sum(max(_NARROWEST, width) for width in kept) + (len(kept) - 1 if any(kept) else 0)
    if least > console.width:
        return echo("\n\n".join([*filter(None, [title]), *(fields(dict(zip(columns, row, strict=True))) for row in shown)]))
    heads = [
        Column(name, overflow="fold", width=max(width, len(name)) if width else None) for name, width in zip(columns, kept, strict=True)
    ]
    drawn = Table(*heads, title=title or None, title_justify="left", box=None, pad_edge=False)
    for row in cells:
        drawn.add_row(*map(Text, row))
    return console.print(drawn)


def _kept(cells: Sequence[str]) -> int:
    """The width at which no id in these cells is torn; 0 where there is none. Beside an id stands little, or it goes on below. Pure."""
    words = [word for cell in cells for word in cell.split() if _ID.search(word)]
    longest = max(map(len, cells), default=0)
    return 0 if not words else longest if longest <= _LONGEST_WITH_ID else max(map(len, words))


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
