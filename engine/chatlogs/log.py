"""A conversation from outside, whatever program kept it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from engine.cards.trees import Tree

LogForm = Literal["SillyTavern", "Chub", "RisuAI", "Agnai", "KoboldLite", "text-generation-webui", "CAI Tools", "shapes.inc"]


@dataclass(frozen=True, slots=True)
class ChatVariant:
    """One of several answers that were made for one place."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """Something said. `chosen` is the index of the variant that was shown; `rest` is what else the log says of it."""

    name: str
    by_user: bool
    variants: tuple[ChatVariant, ...]
    chosen: int = 0
    system: bool = False
    rest: Tree = field(default_factory=dict)

    @property
    def shown(self) -> ChatVariant:
        return self.variants[self.chosen]


@dataclass(frozen=True, slots=True)
class ChatLog:
    """One conversation. `bad` says in a sentence each what could not be read, with its line; `head` is what the log says of itself."""

    form: LogForm
    lines: tuple[LoggedLine, ...]
    user: str = ""
    character: str = ""
    bad: tuple[str, ...] = ()
    head: Tree = field(default_factory=dict)
