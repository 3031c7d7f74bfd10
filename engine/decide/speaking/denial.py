"""Rules for who is not answered (H1), and what they come to where a message is said. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict
from uuid import UUID

from engine.actor import Actor
from engine.decide import character
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.access import Mode, PersonAllowed, PersonDenied, Scope
from engine.events.base import Event
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, CharacterRestored

MODERATE = "moderate_members"
"""Discord's permission to deny somebody in a server or one of its channels."""


@dataclass(frozen=True, slots=True)
class State:
    """How the person is denied there, if at all, and why; the character it is about."""

    mode: Mode | None = None
    reason: str = ""
    about: character.State = field(default_factory=character.State)


@dataclass(frozen=True, slots=True)
class DenialCommand(Command):
    """Base of the commands about one person in one place."""

    user_id: int
    scope: Scope
    target: str = ""

    @property
    def stream(self) -> str:
        return f"denial:{self.scope}:{self.target}:{self.user_id}"


@dataclass(frozen=True, slots=True)
class Deny(DenialCommand):
    """Answer a person no more. A second denial changes how and why."""

    mode: Mode = "block"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Allow(DenialCommand):
    """Answer a person again."""


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case PersonDenied():
            return replace(state, mode=event.mode, reason=event.reason)
        case PersonAllowed():
            return replace(state, mode=None, reason="")
        case CharacterCreated() | CharacterEdited() | CharacterDeleted() | CharacterRestored():
            return replace(state, about=character.evolve(state.about, event))
        case _:
            return state


def reads(_: State, command: DenialCommand) -> Sequence[str]:
    """Its own stream, and that of the character."""
    return [command.stream, *([f"character:{command.target}"] if command.scope == "character" else [])]


def decide(state: State, command: DenialCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    _permitted(state, command, actor)
    if command.scope != "bot" and not command.target:
        raise Rejected("Say where: a server, a channel or a character.")
    match command:
        case Deny() if command.user_id == actor.user_id and actor.kind == "person":
            raise Rejected("You cannot deny yourself. To be left alone in a channel, let its moderators deactivate the characters.")
        case Deny():
            if (state.mode, state.reason) == (command.mode, command.reason[:500]):
                return []
            return [PersonDenied(**_at(command, actor), mode=command.mode, reason=command.reason[:500])]
        case Allow():
            if state.mode is None:
                raise Rejected("This person is not denied there. `deny list` shows who is.")
            return [PersonAllowed(**_at(command, actor))]
        case _:
            raise AssertionError(type(command).__name__)


def _permitted(state: State, command: DenialCommand, actor: Actor) -> None:
    """Raises Rejected with the permission that is missing."""
    if actor.trusted:
        return
    match command.scope:
        case "bot":
            raise Rejected("Only the bot's owners can deny somebody everywhere.")
        case "guild" | "channel":
            if not actor.may(MODERATE):
                raise Rejected("You need the Moderate Members permission to say who is not answered here.")
        case "character":
            if not state.about.editable_by(actor.user_id):
                raise Rejected(character.UNKNOWN)


class _At(TypedDict):
    user_id: int
    scope: Scope
    target: str
    by_user_id: int


def _at(command: DenialCommand, actor: Actor) -> _At:
    return {"user_id": command.user_id, "scope": command.scope, "target": command.target, "by_user_id": actor.user_id}


def reverse(before: State, after: State, event: Event) -> DenialCommand:
    """The command that takes another back."""
    assert isinstance(event, PersonDenied | PersonAllowed)
    if before.mode is None:
        return Allow(event.user_id, event.scope, event.target)
    return Deny(event.user_id, event.scope, event.target, before.mode, before.reason)


RULES = Rules("denial", DenialCommand, State(), evolve, reads, decide, reverse)


@dataclass(frozen=True, slots=True)
class Denied:
    """One denial that holds for a person."""

    scope: Scope
    target: str
    mode: Mode


def here(denials: Iterable[Denied], guild_id: int | None, channels: Iterable[int | None]) -> Mode | None:
    """How a person is denied in a channel for all characters, block before mute. `channels`: it, and its parent."""
    places = {("bot", ""), ("guild", str(guild_id)), *(("channel", str(c)) for c in channels if c is not None)}
    modes = {one.mode for one in denials if (one.scope, one.target) in places}
    return "block" if "block" in modes else "mute" if modes else None


def by_characters(denials: Iterable[Denied]) -> frozenset[UUID]:
    """The characters that do not answer a person."""
    return frozenset(UUID(one.target) for one in denials if one.scope == "character")
