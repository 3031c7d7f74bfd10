"""What is new in each version, as CHANGELOG.md says. Pure but for reading that file."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

_HEADING = re.compile(r"^## \[?([^\]\n]+?)\]?(?: - (\d{4}-\d{2}-\d{2}))?\s*$", re.MULTILINE)
_BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
UNRELEASED = "Unreleased"


@dataclass(frozen=True, slots=True)
class Release:
    """One version: its number, its day where there is one, its notes one by one."""

    version: str
    day: str
    notes: tuple[str, ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """Each note in a few words: what stands in bold, else its beginning."""
        return tuple(" ".join((found[1] if (found := _BOLD.search(note)) else note[:100]).split()).rstrip(".:") for note in self.notes)


def parsed(text: str) -> list[Release]:
    """The releases of a changelog, the newest first."""
    pieces = _HEADING.split(text)[1:]
    found = [(name, day or "", body) for name, day, body in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)]
    return [Release(name.strip(), day, _notes(body)) for name, day, body in found]


def _notes(body: str) -> tuple[str, ...]:
    return tuple(" ".join(note.split()) for note in re.split(r"^- ", body, flags=re.MULTILINE)[1:])


@cache
def known() -> tuple[Release, ...]:
    """The releases of this program; none where it came without its changelog."""
    file = Path(__file__).resolve().parents[1] / "CHANGELOG.md"
    return tuple(parsed(file.read_text(encoding="utf-8"))) if file.is_file() else ()


def running() -> str:
    """The version that runs."""
    return version("tzurot")
