"""The grammar of the lore section's references. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import get_args
from uuid import UUID

from engine.lore import Source

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ENTRY = rf"({_UUID})\.(\d+)@(\d+)"
_WOKEN = re.compile(rf"w:{_ENTRY}!(-|\d+)")
_FROZEN = re.compile(rf"f:{_ENTRY}\^(\d+)~(\d+)")
_RUNNING = re.compile(rf"t:([sc]):{_ENTRY}:(\d+):(\d+):([01])")
_BOOK = re.compile(rf"b:({_UUID})@(\d+):([a-z,]+)")
_CANDIDATE = re.compile(rf"e:{_ENTRY}")


@dataclass(frozen=True, slots=True)
class Woken:
    """An entry that was woken, by the key of this number among its keys; None: none was needed."""

    book: UUID
    uid: int
    position: int
    key: int | None

    @property
    def text(self) -> str:
        """The reference."""
        return f"w:{self.book}.{self.uid}@{self.position}!{'-' if self.key is None else self.key}"


@dataclass(frozen=True, slots=True)
class Frozen:
    """An entry that stands before an entry of the history, until the chat has so many messages; 0: as long as that entry is there."""

    book: UUID
    uid: int
    position: int
    entry: int
    until: int

    @property
    def text(self) -> str:
        """The reference."""
        return f"f:{self.book}.{self.uid}@{self.position}^{self.entry}~{self.until}"


@dataclass(frozen=True, slots=True)
class Running:
    """A timed effect: s sticky, c cooldown."""

    kind: str
    book: UUID
    uid: int
    position: int
    start: int
    end: int
    protected: bool

    @property
    def text(self) -> str:
        """The reference."""
        return f"t:{self.kind}:{self.book}.{self.uid}@{self.position}:{self.start}:{self.end}:{int(self.protected)}"


@dataclass(slots=True)
class ParsedLore:
    """References by what they are."""

    card: str = ""
    asked: int = 0
    length: int = 0
    books: list[tuple[UUID, int, tuple[Source, ...]]] = field(default_factory=list)
    entries: list[tuple[UUID, int, int]] = field(default_factory=list)
    woken: list[Woken | Frozen] = field(default_factory=list)
    running: list[Running | Frozen] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)

    @property
    def positions(self) -> set[int]:
        """Where in the log all that stands. What runs on is needed only while it is not settled."""
        needed = [*self.woken, *(self.running if self.books else ())]
        return (
            {int(ref[2:]) for ref in self.scripts}
            | {at for _, at, _ in self.books}
            | {at for _, _, at in self.entries}
            | {one.position for one in needed}
        )


def parse(refs: Iterable[str]) -> ParsedLore:
    """Read references. LookupError for one that is none."""
    found = ParsedLore()
    for ref in refs:
        _read(found, ref)
    if found.books:  # not settled: what is frozen there runs on from before
        found.running += [one for one in found.woken if isinstance(one, Frozen)]
        found.woken = []
    return found


def _read(found: ParsedLore, ref: str) -> None:
    kind, _, rest = ref.partition(":")
    if kind == "c":
        found.card = ref
    elif kind == "s" and rest.isdigit():
        found.scripts.append(ref)
    elif kind == "m" and rest.isdigit():
        found.asked = int(rest)
    elif kind == "n" and rest.isdigit():
        found.length = int(rest)
    elif (one := _BOOK.fullmatch(ref)) is not None:
        found.books.append((UUID(one[1]), int(one[2]), tuple(name for name in get_args(Source) if name in one[3].split(","))))
    elif (one := _CANDIDATE.fullmatch(ref)) is not None:
        found.entries.append((UUID(one[1]), int(one[2]), int(one[3])))
    elif (one := _WOKEN.fullmatch(ref)) is not None:
        found.woken.append(Woken(UUID(one[1]), int(one[2]), int(one[3]), None if one[4] == "-" else int(one[4])))
    elif (one := _FROZEN.fullmatch(ref)) is not None:
        found.woken.append(Frozen(UUID(one[1]), int(one[2]), int(one[3]), int(one[4]), int(one[5])))
    elif (one := _RUNNING.fullmatch(ref)) is not None:
        found.running.append(Running(one[1], UUID(one[2]), int(one[3]), int(one[4]), int(one[5]), int(one[6]), one[7] == "1"))
    else:
        raise LookupError(f"{ref[:100]} is no reference to something of a lorebook")
