"""What the supervisor says: a line per part for a person, a JSON object per line for a program."""

import contextlib
import json
import sys
from dataclasses import asdict, dataclass
from typing import Literal

from rich.console import Console
from rich.text import Text

from engine.outside.printed import printable

Kind = Literal["ready", "starting", "died", "off", "up", "stopping", "stopped", "note"]
_MARKS: dict[Kind, tuple[str, str]] = {
    "ready": ("✓", "green"),
    "starting": ("…", "dim"),
    "died": ("↻", "yellow"),
    "off": ("✗", "red"),
    "up": ("→", "bold"),
    "stopping": ("…", "dim"),
    "stopped": ("✓", "green"),
    "note": ("i", "cyan"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened. `seconds` is how long it took, `pid` the process that is ready."""

    event: Kind
    part: str
    detail: str = ""
    seconds: float | None = None
    address: str | None = None
    pid: int | None = None


class Patient(Console):
    """Falls silent when nobody reads any more, where rich would end the program with all its parts still running."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Report:
    """Writes lines to standard output: rich on a terminal, plain elsewhere, JSON when asked."""

    def __init__(self, *, as_json: bool = False, console: Console | None = None) -> None:
        self._json = as_json
        self._console = console or Patient(file=sys.stdout, highlight=False, soft_wrap=True)

    def say(self, line: Notice) -> None:
        # Nobody may be reading any more (a closed terminal, a pipe into head); the parts must be stopped all the same.
        with contextlib.suppress(OSError):
            if self._json:
                print(json.dumps({key: value for key, value in asdict(line).items() if value is not None}), flush=True)
            else:
                self._console.print(as_text(line))


def as_text(line: Notice) -> Text:
    """The line for a person: mark, part, time, detail."""
    mark, style = _MARKS[line.event]
    took = f"{line.seconds:6.2f} s" if line.seconds is not None else " " * 8
    words = [line.detail, line.address or ""]
    text = Text.assemble((mark, style), f" {line.part:<12}", (took, "dim"), "  ", printable(" ".join(word for word in words if word)))
    text.rstrip()
    return text
