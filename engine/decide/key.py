"""Rules for people's own provider keys. The keys themselves are in no command and no event. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.key import KeyAdded, KeyRemoved, KeyTested


@dataclass(frozen=True, slots=True)
class State:
    """A person's keys: provider to id."""

    keys: Mapping[str, UUID] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyCommand(Command):
    """Base of the commands about one person's keys."""

    user_id: int
    key_id: UUID

    @property
    def stream(self) -> str:
        return f"keys:{self.user_id}"


@dataclass(frozen=True, slots=True)
class Add(KeyCommand):
    """Say that there is a key. It replaces the person's earlier one for the provider."""

    provider: str
    last4: str


@dataclass(frozen=True, slots=True)
class RecordTest(KeyCommand):
    """What the provider said about a key: None when it takes it, else a category of engine.fault."""

    category: str | None


@dataclass(frozen=True, slots=True)
class Remove(KeyCommand):
    pass


def evolve(state: State, event: Event) -> State:
    """The keys after an event."""
    match event:
        case KeyAdded():
            return replace(state, keys={**state.keys, event.provider: event.key_id})
        case KeyRemoved():
            return replace(state, keys={provider: key for provider, key in state.keys.items() if key != event.key_id})
        case _:
            return state


def reads(_: State, command: KeyCommand) -> Sequence[str]:
    return [command.stream]


def decide(state: State, command: KeyCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes. Raises Rejected."""
    if command.user_id != actor.user_id and not actor.trusted:
        raise Rejected("A key can be changed by the person it belongs to only.")
    if isinstance(command, Add):
        return [KeyAdded(key_id=command.key_id, user_id=command.user_id, provider=command.provider, last4=command.last4)]
    provider = next((provider for provider, key in state.keys.items() if key == command.key_id), None)
    if provider is None:
        raise Rejected("This key is not there any more.")
    key = {"key_id": command.key_id, "user_id": command.user_id, "provider": provider}
    match command:
        case RecordTest():
            return [KeyTested.model_validate(key | {"accepted": command.category is None, "category": command.category})]
        case Remove():
            return [KeyRemoved.model_validate(key | {"removed_by": actor.user_id})]
        case _:
            raise AssertionError(type(command).__name__)


def reverse(before: State, after: State, event: Event) -> KeyCommand:
    """Keys are not kept once they are removed or replaced: nothing of this can be taken back."""
    raise Rejected("A key cannot be brought back. Store it again.")


RULES = Rules("keys", KeyCommand, State(), evolve, reads, decide, reverse)
