"""Rules for a conversation of the playground as a whole: its title, whether it is there, and whether what was imported is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.playground.chat import (
    LONGEST_TITLE,
    ChatDeleted,
    ChatImported,
    ChatReadmitted,
    ChatRestored,
    ChatTitled,
    ChatWithdrawn,
)


@dataclass(frozen=True, slots=True)
class State:
    """Its title, empty while it has none, whether it was deleted, who imported it, and whether that was taken back."""

    title: str = ""
    deleted: bool = False
    imported_by: int | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class ChatCommand(Command):
    """Base of the commands about one conversation."""

    channel_id: int

    @property
    def stream(self) -> str:
        return f"chat:{self.channel_id}"


@dataclass(frozen=True, slots=True)
class Title(ChatCommand):
    """List it under a title; an empty one: under its first words again."""

    title: str


@dataclass(frozen=True, slots=True)
class Delete(ChatCommand):
    """List it no more, and let nothing be said in it."""


@dataclass(frozen=True, slots=True)
class Restore(ChatCommand):
    """Bring it back as it was."""


@dataclass(frozen=True, slots=True)
class Import(ChatCommand):
    """Note that it came in whole, as talk with a character; one that was withdrawn is there again."""

    character_id: UUID
    lines: int


@dataclass(frozen=True, slots=True)
class Withdraw(ChatCommand):
    """Take back its import: nothing that came in with it is met any more."""


@dataclass(frozen=True, slots=True)
class Readmit(ChatCommand):
    """Bring back what came in with its import."""


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case ChatTitled():
            return replace(state, title=event.title)
        case ChatDeleted():
            return replace(state, deleted=True)
        case ChatRestored():
            return replace(state, deleted=False)
        case ChatImported():
            return replace(state, imported_by=event.by_user_id)
        case ChatWithdrawn():
            return replace(state, withdrawn=True)
        case ChatReadmitted():
            return replace(state, withdrawn=False)
        case _:
            return state


def reads(_: State, command: ChatCommand) -> Sequence[str]:
    """Its own stream."""
    return [command.stream]


def decide(state: State, command: ChatCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    if isinstance(command, Import | Withdraw | Readmit):
        return _imported(state, command, actor)
    if actor.kind == "person":
        raise Rejected("Conversations of the playground are the operator's.")
    match command:
        case Title():
            title = " ".join(command.title.split())
            if state.deleted:
                raise Rejected("This conversation was deleted. Bring it back first.")
            if len(title) > LONGEST_TITLE:
                raise Rejected(f"A title may have {LONGEST_TITLE} characters; this one has {len(title)}.")
            return [] if title == state.title else [ChatTitled(channel_id=command.channel_id, by_user_id=actor.user_id, title=title)]
        case Delete():
            return [] if state.deleted else [ChatDeleted(channel_id=command.channel_id, by_user_id=actor.user_id)]
        case Restore():
            return [ChatRestored(channel_id=command.channel_id, by_user_id=actor.user_id)] if state.deleted else []
        case _:
            raise AssertionError(type(command).__name__)


def _imported(state: State, command: Import | Withdraw | Readmit, actor: Actor) -> Sequence[Event]:
    whose = state.imported_by
    if isinstance(command, Import) and whose is None:
        who = {"channel_id": command.channel_id, "by_user_id": actor.user_id}
        return [ChatImported.model_validate(who | {"character_id": command.character_id, "lines": command.lines})]
    if whose is None or (actor.kind == "person" and whose != actor.user_id):
        raise Rejected("No conversation of yours was imported there.")
    if isinstance(command, Withdraw):
        return [] if state.withdrawn else [ChatWithdrawn(channel_id=command.channel_id, by_user_id=actor.user_id)]
    return [ChatReadmitted(channel_id=command.channel_id, by_user_id=actor.user_id)] if state.withdrawn else []


def reverse(before: State, after: State, event: Event) -> ChatCommand:
    """The command that takes another back."""
    match event:
        case ChatTitled():
            return Title(event.channel_id, before.title)
        case ChatDeleted():
            return Restore(event.channel_id)
        case ChatRestored():
            return Delete(event.channel_id)
        case ChatImported() | ChatReadmitted():
            return Withdraw(event.channel_id)
        case ChatWithdrawn():
            return Readmit(event.channel_id)
        case _:
            raise AssertionError(event.TYPE)


RULES = Rules("chat", ChatCommand, State(), evolve, reads, decide, reverse)
