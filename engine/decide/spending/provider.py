"""Rules for connecting a provider of models while everything runs. Keys are in no command and no event. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.decide.spending.budget import OWNERS
from engine.events.base import Event
from engine.events.provider import STREAM, ProviderConnected, ProviderDisconnected
from engine.outside import addresses

LONGEST = 300


@dataclass(frozen=True, slots=True)
class State:
    """What is connected; None: what the settings name."""

    connected: ProviderConnected | None = None


@dataclass(frozen=True, slots=True)
class ProviderCommand(Command):
    """Base of the commands about the provider."""

    @property
    def stream(self) -> str:
        return STREAM


@dataclass(frozen=True, slots=True)
class Connect(ProviderCommand):
    """Ask models at this address. `last4` are the last characters of the key, to tell it by."""

    base_url: str
    key_id: UUID | None = None
    last4: str = ""


@dataclass(frozen=True, slots=True)
class Disconnect(ProviderCommand):
    """Ask where the settings say."""


def address(text: str) -> str:
    """The address as it is kept. Raises Rejected: it must be http or https, and hold neither a password nor a query."""
    try:
        found = addresses.api(text.strip())
    except ValueError as error:
        raise Rejected(f"The address {error}.") from None
    parts = urlsplit(found)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise Rejected("The address must hold no password and nothing after a question mark. The key has a field of its own.")
    if len(found) > LONGEST or not found.isascii() or not found.isprintable():
        raise Rejected(f"The address may have {LONGEST} plain characters.")
    return found


def name_of(base_url: str) -> str:
    """What the provider at this address is called in records: `openrouter`, `local`, else its host."""
    host = (urlsplit(base_url).hostname or "").lower()
    return "openrouter" if host.endswith("openrouter.ai") else "local" if host in {"127.0.0.1", "localhost", "::1"} else host[:60]


def evolve(state: State, event: Event) -> State:
    """What is connected after an event."""
    match event:
        case ProviderConnected():
            return State(event)
        case ProviderDisconnected():
            return State()
        case _:
            return state


def decide(state: State, command: ProviderCommand, actor: Actor) -> Sequence[Event]:
    """The event. Raises Rejected."""
    if not actor.trusted:
        raise Rejected(OWNERS)
    if isinstance(command, Disconnect):
        return [ProviderDisconnected(cleared_by=actor.user_id)] if state.connected else []
    assert isinstance(command, Connect)
    url = address(command.base_url)
    wished = ProviderConnected(name=name_of(url), base_url=url, key_id=command.key_id, last4=command.last4[-4:], set_by=actor.user_id)
    return [] if wished == state.connected else [wished]


def reads(_: State, command: ProviderCommand) -> Sequence[str]:
    return [command.stream]


def reverse(_before: State, _after: State, _event: Event) -> ProviderCommand:
    """The key that was there before is gone."""
    raise Rejected("This cannot be taken back. Connect the other provider again.")


RULES = Rules("provider", ProviderCommand, State(), evolve, reads, decide, reverse)
