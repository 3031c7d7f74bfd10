"""What the streams of memories and of a person say, folded. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from engine.events.base import Event
from engine.events.memory import (
    GenerationChosen,
    MemoryArchived,
    MemoryCorrected,
    MemoryForgotten,
    MemoryLocked,
    MemoryNoted,
    ReachChosen,
    SessionEnded,
    SessionStarted,
)
from engine.events.message import MessageDeleted, MessageEdited, MessageReceived
from engine.events.turn import TurnCompleted


@dataclass(frozen=True, slots=True)
class State:
    """One memory, what it is to be made of, and a person's sessions and choices, as far as the streams read say so.

    `notes`, `locks` and `forgotten` are of all memories that were read, where a command is about several.
    """

    note: MemoryNoted | None = None
    text: str = ""
    locked: bool = False
    gone: bool = False
    archived: bool = False
    said: MessageReceived | None = None
    said_text: str = ""
    deleted: bool = False
    replied: TurnCompleted | None = None
    sessions: Mapping[UUID, SessionStarted] = field(default_factory=dict)
    reach: ReachChosen | None = None
    generations: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[UUID, MemoryNoted] = field(default_factory=dict)
    locks: Mapping[UUID, bool] = field(default_factory=dict)
    forgotten: frozenset[UUID] = frozenset()


def evolve(state: State, event: Event) -> State:
    """The state after an event of the memory, of what it is made of, or of the person."""
    apply = _EVOLVE.get(type(event))
    return apply(state, event) if apply is not None else state


_EVOLVE: Mapping[type[Event], Callable[[State, Any], State]] = {
    MemoryNoted: lambda state, event: replace(state, note=event, text=event.text, notes={**state.notes, event.memory_id: event}),
    MemoryCorrected: lambda state, event: replace(state, text=event.text, archived=False),
    MemoryLocked: lambda state, event: replace(state, locked=event.locked, locks={**state.locks, event.memory_id: event.locked}),
    MemoryForgotten: lambda state, event: replace(state, gone=True, forgotten=state.forgotten | {event.memory_id}),
    MemoryArchived: lambda state, event: replace(state, archived=True),
    MessageReceived: lambda state, event: replace(state, said=event, said_text=event.text),
    MessageEdited: lambda state, event: replace(state, said_text=event.text),
    MessageDeleted: lambda state, event: replace(state, deleted=True),
    TurnCompleted: lambda state, event: replace(state, replied=event),
    SessionStarted: lambda state, event: replace(state, sessions={**state.sessions, event.session_id: event}),
    SessionEnded: lambda state, event: replace(state, sessions={k: v for k, v in state.sessions.items() if k != event.session_id}),
    ReachChosen: lambda state, event: replace(state, reach=event),
    GenerationChosen: lambda state, event: replace(state, generations={**state.generations, event.kind: event.generation}),
}
