"""Rules for the notebook that a character keeps for one person in one channel: what stands in it, and who may change that. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.craft.tool import NotebookWritten, notebook
from engine.resources.typed import tidy

MOST = 100
"""Notes there may be at the same time."""
LONGEST = 500
"""Characters of a note."""
FULL = f"The notebook is full: {MOST} notes. Strike one out first."
THERE = "That stands there already."
EMPTY = "A note needs a text."


@dataclass(frozen=True, slots=True)
class State:
    """The notes that stand, by their numbers, and how many events there were: the number of the last one."""

    notes: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    written: int = 0


@dataclass(frozen=True, slots=True)
class NotebookCommand(Command):
    """Base of the commands about one notebook: a character's, for a person, in a channel of a server (None: of none)."""

    character_id: UUID
    channel_id: int
    user_id: int
    guild_id: int | None

    @property
    def stream(self) -> str:
        return notebook(self.character_id, self.channel_id, self.user_id)


@dataclass(frozen=True, slots=True)
class AddNote(NotebookCommand):
    text: str


@dataclass(frozen=True, slots=True)
class StrikeNote(NotebookCommand):
    number: int


def evolve(state: State, event: Event) -> State:
    """The state after an event. One whose words were erased counts, and stands for nothing."""
    if not isinstance(event, NotebookWritten):
        return state
    number, notes = state.written + 1, dict(state.notes)
    if event.struck is not None:
        notes.pop(event.struck, None)
    elif event.text:
        notes[number] = event.text
    return State(MappingProxyType(notes), number)


def reads(_: State, command: NotebookCommand) -> Sequence[str]:
    """Its own stream."""
    return [command.stream]


def decide(state: State, command: NotebookCommand, actor: Actor) -> Sequence[Event]:
    """The event. Raises Rejected."""
    if actor.user_id != command.user_id and not actor.trusted:
        raise Rejected("These notes are about somebody else, who alone may change them.")
    match command:
        case AddNote(text=text):
            return [_written(command, actor, text=checked(state, text))]
        case StrikeNote(number=number):
            if number not in state.notes:
                raise Rejected(f"There is no note {number}. `/notebook show` lists them.")
            return [_written(command, actor, struck=number)]
        case _:
            raise AssertionError(type(command).__name__)


def checked(state: State, text: str) -> str:
    """A note as it is stored. Raises Rejected."""
    tidied = tidy(text)
    if not tidied:
        raise Rejected(EMPTY)
    if len(tidied) > LONGEST:
        raise Rejected(f"A note has at most {LONGEST} characters.")
    if tidied in state.notes.values():
        raise Rejected(THERE)
    if len(state.notes) >= MOST:
        raise Rejected(FULL)
    return tidied


def _written(command: NotebookCommand, actor: Actor, *, text: str = "", struck: int | None = None) -> NotebookWritten:
    return NotebookWritten(
        character_id=command.character_id,
        channel_id=command.channel_id,
        guild_id=command.guild_id,
        user_id=command.user_id,
        by_user_id=actor.user_id,
        struck=struck,
        text=text,
    )


def reverse(before: State, after: State, event: Event) -> NotebookCommand:
    """The command that takes another back: what was struck out comes again, with a number of its own."""
    assert isinstance(event, NotebookWritten)
    where = (event.character_id, event.channel_id, event.user_id, event.guild_id)
    if event.struck is None:
        return StrikeNote(*where, after.written)
    if event.struck not in before.notes:
        raise Rejected("What it said is gone.")
    return AddNote(*where, before.notes[event.struck])


RULES = Rules("notebook", NotebookCommand, State(), evolve, reads, decide, reverse)
