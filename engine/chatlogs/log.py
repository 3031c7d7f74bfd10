"""A conversation from outside, whatever program kept it.

What tells it from others (engine.chatlogs.identity) is made of everything here but what is `kept`.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from engine.cards.trees import Tree

LogForm = Literal["SillyTavern", "Chub", "RisuAI", "Agnai", "KoboldLite", "text-generation-webui", "CAI Tools", "shapes.inc"]


MOST_TOLD = 1_000
"""Bad lines that are told one by one; the others are counted."""


class BadLines:
    """Sentences about what could not be read, at most MOST_TOLD; the rest is counted."""

    def __init__(self) -> None:
        self._told, self._count = list[str](), 0

    def add(self, sentence: str) -> None:
        self._count += 1
        if self._count <= MOST_TOLD:
            self._told.append(sentence)

    def told(self) -> tuple[str, ...]:
        more = self._count - len(self._told)
        return (*self._told, *([f"{more:,} more lines could not be read."] if more else []))


@dataclass(frozen=True, slots=True)
class ChatVariant:
    """One of several answers that were made for one place."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """Something said. `chosen` is the index of the variant that was shown; `rest` is what else the log says of it.

    `kept` is what its form says of it in other ways than ours: texts with more about them, times that cannot be read.
    """

    name: str
    by_user: bool
    variants: tuple[ChatVariant, ...]
    chosen: int = 0
    system: bool = False
    rest: Tree = field(default_factory=dict)
    kept: Tree = field(default_factory=dict)

    @property
    def shown(self) -> ChatVariant:
        return self.variants[self.chosen]


@dataclass(frozen=True, slots=True)
class StreamedLines(Collection[LoggedLine]):
    """Lines that are read anew each time, one by one, so that a long conversation is never whole in memory. `count` are known."""

    read: Callable[[], Iterator[LoggedLine]]
    count: int

    def __iter__(self) -> Iterator[LoggedLine]:
        return self.read()

    def __len__(self) -> int:
        return self.count

    def __contains__(self, line: object) -> bool:
        return any(one == line for one in self)


@dataclass(frozen=True, slots=True)
class ChatLog:
    """One conversation. `bad` says in a sentence each what could not be read, with its line; `head` is what the log says of itself.

    `kept` is the same of forms that have no head.
    """

    form: LogForm
    lines: Collection[LoggedLine]
    user: str = ""
    character: str = ""
    bad: tuple[str, ...] = ()
    head: Tree = field(default_factory=dict)
    kept: Tree = field(default_factory=dict)
