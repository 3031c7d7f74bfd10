"""Rules for which preset answers in one place: a person with a character, everybody in a channel, everybody in a server (C4). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from engine.actor import Actor
from engine.decide import channel, preset
from engine.decide.command import Command, Rules
from engine.decide.places import server
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.preset import OverrideChosen, override_stream


@dataclass(frozen=True, slots=True)
class State:
    """Which preset was chosen there, and the presets it is about."""

    preset_id: UUID | None = None
    presets: preset.State = field(default_factory=preset.State)


@dataclass(frozen=True, slots=True)
class OverridePreset(Command):
    """Choose the preset that answers in one place: a person with a character, a channel of a server, or a server.

    With `preset_id` None the choice is taken back.
    """

    preset_id: UUID | None
    user_id: int | None = None
    character_id: UUID | None = None
    channel_id: int | None = None
    guild_id: int | None = None

    @property
    def stream(self) -> str:
        return override_stream(self.user_id, self.character_id, self.channel_id, self.guild_id)


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    if isinstance(event, OverrideChosen):
        return replace(state, preset_id=event.preset_id)
    return replace(state, presets=preset.evolve(state.presets, event))


def reads(_: State, command: OverridePreset) -> Sequence[str]:
    """Its own stream, and that of the preset."""
    return [command.stream, *([f"preset:{command.preset_id}"] if command.preset_id is not None else [])]


def decide(state: State, command: OverridePreset, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    _may(command, actor)
    if command.preset_id is not None:
        found = state.presets.there(command.preset_id)
        whose = command.user_id if command.user_id is not None else actor.user_id
        if found is None or not (found.is_global or found.owner_id == whose):
            raise Rejected(preset.UNKNOWN)
    if state.preset_id == command.preset_id:
        return []
    place = {"user_id": command.user_id, "channel_id": command.channel_id, "guild_id": command.guild_id}
    return [OverrideChosen(**place, character_id=command.character_id, preset_id=command.preset_id, chosen_by=actor.user_id)]


def _may(command: OverridePreset, actor: Actor) -> None:
    """Raises Rejected unless the actor may choose for that place."""
    match (command.user_id, command.character_id, command.channel_id, command.guild_id):
        case (int() as person, UUID(), None, None):
            if actor.kind == "person" and actor.user_id != person:
                raise Rejected("Everybody chooses for themselves which preset answers them.")
        case (None, None, int() as place, int() as guild):
            if not actor.trusted and not (actor.may(channel.MANAGE) and (actor.channel_id, actor.guild_id) == (place, guild)):
                raise Rejected("You need the Manage Messages permission in that channel to choose which preset answers there.")
        case (None, None, None, int() as guild):
            if not actor.trusted and not (actor.may(server.MANAGE) and actor.guild_id == guild):
                raise Rejected("You need the Manage Server permission to choose which preset answers in a whole server.")
        case _:
            raise Rejected("Choose for a person with a character, for a channel of a server, or for a server.")


def reverse(before: State, after: State, event: Event) -> OverridePreset:
    """The command that takes another back."""
    assert isinstance(event, OverrideChosen)
    return OverridePreset(before.preset_id, event.user_id, event.character_id, event.channel_id, event.guild_id)


RULES = Rules("override", OverridePreset, State(), evolve, reads, decide, reverse)
