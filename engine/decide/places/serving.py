"""Rules for which servers the bot serves (H2). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.server import ServerAllowed, ServerDenied

Verdict = Literal["denied", "allowed"]


@dataclass(frozen=True, slots=True)
class State:
    """What was said of the server last."""

    verdict: Verdict | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ServingCommand(Command):
    """Base of the commands about one server."""

    guild_id: int

    @property
    def stream(self) -> str:
        return f"serving:{self.guild_id}"


@dataclass(frozen=True, slots=True)
class DenyServer(ServingCommand):
    """Leave it, and whenever it invites the bot again."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class AllowServer(ServingCommand):
    """Serve it."""


def served(verdict: Verdict | None, *, named_only: bool) -> bool:
    """Whether the bot serves a server; `named_only`: only those that were allowed by name."""
    return verdict == "allowed" if named_only else verdict != "denied"


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case ServerDenied():
            return replace(state, verdict="denied", reason=event.reason)
        case ServerAllowed():
            return replace(state, verdict="allowed", reason="")
        case _:
            return state


def reads(_: State, command: ServingCommand) -> Sequence[str]:
    """Its own stream."""
    return [command.stream]


def decide(state: State, command: ServingCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    if not actor.trusted:
        raise Rejected("Only the bot's owners can say which servers it serves.")
    match command:
        case DenyServer():
            reason = command.reason[:500]
            if (state.verdict, state.reason) == ("denied", reason):
                return []
            return [ServerDenied(guild_id=command.guild_id, by_user_id=actor.user_id, reason=reason)]
        case AllowServer():
            return [] if state.verdict == "allowed" else [ServerAllowed(guild_id=command.guild_id, by_user_id=actor.user_id)]
        case _:
            raise AssertionError(type(command).__name__)


def reverse(before: State, after: State, event: Event) -> ServingCommand:
    """The command that takes another back."""
    assert isinstance(event, ServerDenied | ServerAllowed)
    return DenyServer(event.guild_id, before.reason) if before.verdict == "denied" else AllowServer(event.guild_id)


RULES = Rules("serving", ServingCommand, State(), evolve, reads, decide, reverse)
