"""What a tool is used for and with, and what it gives."""

from dataclasses import dataclass, replace
from uuid import UUID

from engine import ids
from engine.resources.craft.tools import LONGEST_RESULT
from engine.store import NewEvent
from projections.models.turns import Turn
from worker.work import Work


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One use of a tool: in which turn, and which one of it. Whoever takes it up again after a crash has the same."""

    work: Work
    turn: Turn
    step: int
    index: int

    def id(self, kind: str) -> UUID:
        """The id of what this use makes of a kind: the same however often it is tried."""
        return ids.derived(kind, self.turn.turn, self.step, self.index)

    @property
    def seed(self) -> str:
        """What chance is drawn from, so that dying brings no second throw."""
        return f"{self.turn.turn}:{self.step}:{self.index}"


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a model is told: `text`, or the memories that `refs` stand for. `effects` are stored in one append with that, or not at all."""

    text: str = ""
    refs: tuple[str, ...] = ()
    effects: tuple[NewEvent, ...] = ()
    done: bool = True
    ms: float = 0.0

    def taking(self, ms: float) -> "ToolOutcome":
        """The same, measured, its text no longer than a model is told."""
        return replace(self, ms=ms, text=self.text[:LONGEST_RESULT])
