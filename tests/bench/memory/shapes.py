"""What every public set is read into, and how its files and times are read."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from worker.memory.ask import Query
from worker.memory.index import Memory

Record = dict[str, Any]

_TIMES = ("%I:%M %p on %d %B, %Y", "%d.%m.%Y, %H:%M:%S", "%d.%m.%Y, %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y.%m.%d", "%Y/%m/%d")


@dataclass(frozen=True, slots=True)
class Question:
    """`evidence`: ids of the memories that hold the answer. `apart`: asked to be refused, counted by itself."""

    query: Query
    category: str
    evidence: frozenset[str]
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One store of memories and the questions put to it. `unmatched`: questions left out because no evidence id names a memory."""

    name: str
    memories: list[Memory]
    questions: list[Question] = field(default_factory=list)
    unmatched: int = 0


def records(file: Path) -> list[Record]:
    """The objects of a JSON array, a JSON object or JSON lines."""
    text = file.read_text(encoding="utf-8-sig")
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError as error:
            raise ValueError(f"{file.name} is neither JSON nor JSON lines: {error.msg} in line {error.lineno}") from None
    return [record for record in (found if isinstance(found, list) else [found]) if isinstance(record, dict)]


def moment(text: object) -> datetime | None:
    """The time in any of the spellings of the sets, as UTC; None for anything else."""
    for form in _TIMES:
        try:
            return datetime.strptime(str(text).strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
