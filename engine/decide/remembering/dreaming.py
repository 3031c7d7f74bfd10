"""Rules for a consolidation of a person's memories: it only hides what another says as well, little at a time, and can be undone. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.memory import DreamUndone, MemoriesDreamed, MemoryForgotten, MemoryLocked, MemoryNoted

SHARE = 0.02
"""Of a person's memories that one run may hide."""
UNKNOWN = "There is no such dream, or it is not of your memories. `/memory dreams show` lists them."


@dataclass(frozen=True, slots=True)
class State:
    """A dream, and the memories it is about: whose they are, which are locked or gone."""

    dream: MemoriesDreamed | None = None
    undone: bool = False
    notes: Mapping[UUID, MemoryNoted] = field(default_factory=dict)
    locked: frozenset[UUID] = frozenset()
    gone: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class DreamCommand(Command):
    """Base of the commands about one dream."""

    dream: UUID

    @property
    def stream(self) -> str:
        return f"memory:dream:{self.dream}"


@dataclass(frozen=True, slots=True)
class Dream(DreamCommand):
    """Hide memories of a person in favour of others, `hides` (hidden, kept); `of` is how many they have."""

    person: int
    hides: tuple[tuple[UUID, UUID], ...]
    of: int


@dataclass(frozen=True, slots=True)
class UndoDream(DreamCommand):
    """Take a dream back: what it hid is there again."""


def evolve(state: State, event: Event) -> State:
    """The state after an event of the dream or of a memory it is about."""
    match event:
        case MemoriesDreamed():
            return replace(state, dream=event)
        case DreamUndone():
            return replace(state, undone=True)
        case MemoryNoted():
            return replace(state, notes={**state.notes, event.memory_id: event})
        case MemoryLocked():
            one = {event.memory_id}
            return replace(state, locked=state.locked | one if event.locked else state.locked - one)
        case MemoryForgotten():
            return replace(state, gone=state.gone | {event.memory_id})
        case _:
            return state


def reads(_: State, command: DreamCommand) -> Sequence[str]:
    """The dream's own stream, and those of the memories it is to be about."""
    if not isinstance(command, Dream):
        return [command.stream]
    return [command.stream, *dict.fromkeys(f"memory:{one}" for pair in command.hides for one in pair)]


def decide(state: State, command: DreamCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when there is nothing to hide. Raises Rejected."""
    match command:
        case Dream():
            return _dreamed(state, command, actor)
        case UndoDream():
            dream = state.dream
            if dream is None or not (actor.trusted or actor.user_id == dream.user_id):
                raise Rejected(UNKNOWN)
            return [] if state.undone else [DreamUndone(dream_id=dream.dream_id, user_id=dream.user_id, by_user_id=actor.user_id)]
        case _:
            raise AssertionError(type(command).__name__)


def most(of: int) -> int:
    """How many of so many memories one run may hide."""
    return int(of * SHARE)


def _dreamed(state: State, command: Dream, actor: Actor) -> Sequence[Event]:
    if not actor.trusted:
        raise Rejected("Dreams come by themselves.")
    if state.dream is not None:
        return []
    hides = [(hidden, kept) for hidden, kept in command.hides if _may_hide(state, command.person, hidden, kept)]
    hides = hides[: most(command.of)]
    if not hides:
        return []
    about = {"dream_id": command.dream, "user_id": command.person, "of": command.of}
    return [MemoriesDreamed.model_validate(about | {"hidden": [one for one, _ in hides], "kept": [kept for _, kept in hides]})]


def _may_hide(state: State, person: int, hidden: UUID, kept: UUID) -> bool:
    """Both are the person's and stand, and no person's hand is on the one that goes."""
    ours = [state.notes.get(one) for one in (hidden, kept)]
    stand = all(note is not None and note.user_id == person and note.memory_id not in state.gone for note in ours)
    return stand and hidden != kept and hidden not in state.locked


def reverse(before: State, after: State, event: Event) -> DreamCommand:
    """The command that takes another back."""
    if isinstance(event, MemoriesDreamed):
        return UndoDream(event.dream_id)
    raise Rejected("A dream that was taken back stays so; the next one may come to the same.")


RULES: Rules[State, DreamCommand] = Rules("dream", DreamCommand, State(), evolve, reads, decide, reverse)
