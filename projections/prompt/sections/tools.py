"""What a model asked of tools in this turn so far, and what it was told (I6): behind the message to answer, step by step.

References: `t:POSITION` of each request and of each result, in the order in which they stand. They are chosen by whoever runs the loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.events.craft.tool import AskedTool, ToolAnswered, ToolsCalled
from engine.store import Log
from projections.prompt.message import Message, Part, Text, ToolCall, ToolResult
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.sections import memories
from projections.prompt.sections.memories import Recalled
from projections.prompt.text import escape, section, seen

NAME = "tools"
VERSION = 1
PLACE: Place = "steps"
BUDGET: Budget = "required"
_GONE = "This was deleted meanwhile."


@dataclass(frozen=True, slots=True)
class ToolStep:
    """One request of a model with the results there are, each by its place; a result that lists memories has them opened."""

    ref: str
    asked: ToolsCalled
    results: dict[int, tuple[str, ToolAnswered, Recalled | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolSteps:
    """All steps of a turn, in their order."""

    steps: tuple[ToolStep, ...] = ()
    erased: bool = False


async def select(snapshot: Snapshot) -> Chosen:
    """Nothing: a turn begins without."""
    return Chosen()


async def load(log: Log, chosen: Chosen, as_of: int) -> ToolSteps | None:
    """The steps, from the log alone; None without any. LookupError when something is not there."""
    if not chosen.refs:
        return None
    positions = [int(ref[2:]) for ref in chosen.refs]
    rows = {recorded.position: recorded for recorded in await log.at(positions)}
    found: dict[int, ToolStep] = {}
    erased = False
    for ref, position in zip(chosen.refs, positions, strict=True):
        if position not in rows:
            raise LookupError(f"position {position} of the log is not there")
        event, erased = rows[position].event, erased or rows[position].erased
        if isinstance(event, ToolsCalled):
            found[event.step] = ToolStep(ref, event)
        elif isinstance(event, ToolAnswered) and event.step in found:
            recalled = await memories.load(log, Chosen(event.refs), as_of) if event.refs else None
            erased = erased or (recalled is not None and recalled.erased)
            found[event.step].results[event.index] = (ref, event, recalled)
        else:
            raise LookupError(f"position {position} of the log is no step of a tool")
    return ToolSteps(tuple(found[step] for step in sorted(found)), erased)


def render(data: ToolSteps | None, scene: Scene, version: int) -> Sequence[Piece]:
    """Each request as the model's own message, each result as a tool's."""
    return [] if data is None else [piece for step in data.steps for piece in _pieces(step, scene)]


def _pieces(step: ToolStep, scene: Scene) -> list[Piece]:
    said: list[Part] = [Text(seen(escape(step.asked.text)))] if step.asked.text else []
    calls = [ToolCall(call_id(step.asked.step, at), one.name, one.arguments) for at, one in enumerate(step.asked.asked)]
    found = [Piece(Message("assistant", (*said, *calls)), (step.ref,))]
    for index, (ref, answered, recalled) in sorted(step.results.items()):
        result = ToolResult(call_id(step.asked.step, index), section("shows", _words(answered, recalled, scene)))
        found.append(Piece(Message("tool", (result,)), (ref,)))
    return found


def _words(answered: ToolAnswered, recalled: Recalled | None, scene: Scene) -> str:
    if recalled is None:
        return seen(escape(answered.text)) or _GONE
    return "\n".join(piece.message.content for piece in memories.render(recalled, scene, memories.VERSION)) or _GONE


def call_id(step: int, index: int) -> str:
    """How a request and its result name each other: nine letters and digits, which the strictest provider wants. Pure."""
    return f"use{step:03}{index:03}"


def normal(asked: AskedTool) -> AskedTool:
    """A request in a form that every provider takes back: a plain name, and arguments that are an object. Pure."""
    name = "".join(c for c in asked.name if c.isascii() and (c.isalnum() or c in "_-"))[:64] or "unnamed"
    arguments = asked.arguments.strip()
    return AskedTool(name=name, arguments=arguments if arguments.startswith("{") and arguments.endswith("}") else "{}")
