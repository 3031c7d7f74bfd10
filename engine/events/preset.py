"""Named model configurations."""

from uuid import UUID

from engine.events.base import SYSTEM_SUBJECT, Event, Snowflake, user_subject
from engine.resources.preset import Effort, Parameters, PresetSheet, Reasoning, Window


class PresetCreated(PresetSheet, Event):
    """A preset exists. `owner_id` is None for the one that comes with the program."""

    preset_id: UUID
    owner_id: Snowflake | None

    @property
    def stream_name(self) -> str:
        return f"preset:{self.preset_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.owner_id) if self.owner_id is not None else SYSTEM_SUBJECT,)


class PresetEdited(PresetCreated):
    """The whole preset as it is from now on."""

    edited_by: Snowflake


class PresetDeleted(Event):
    preset_id: UUID
    owner_id: Snowflake | None
    deleted_by: Snowflake

    @property
    def stream_name(self) -> str:
        return f"preset:{self.preset_id}"


class PresetRestored(Event):
    """The deletion is taken back: the preset is as it was before."""

    preset_id: UUID
    owner_id: Snowflake | None
    restored_by: Snowflake

    @property
    def stream_name(self) -> str:
        return f"preset:{self.preset_id}"


class DefaultChosen(Event):
    """Which preset answers where a character has none: for one person, or with `user_id` None for everybody. None takes the choice back."""

    user_id: Snowflake | None
    preset_id: UUID | None
    chosen_by: Snowflake

    @property
    def stream_name(self) -> str:
        return f"default:preset:{'everybody' if self.user_id is None else self.user_id}"


class OverrideChosen(Event):
    """Which preset answers in one place: a person with a character, everybody in a channel, or everybody in a server.

    Of `user_id` and `character_id`, `channel_id` and `guild_id`, or `guild_id` alone are given. Without a preset the choice is taken back.
    """

    user_id: Snowflake | None = None
    character_id: UUID | None = None
    channel_id: Snowflake | None = None
    guild_id: Snowflake | None = None
    preset_id: UUID | None = None
    chosen_by: Snowflake

    @property
    def stream_name(self) -> str:
        return override_stream(self.user_id, self.character_id, self.channel_id, self.guild_id)


def override_stream(user_id: int | None, character_id: UUID | None, channel_id: int | None, guild_id: int | None) -> str:
    """The stream of the choices for one place."""
    return f"override:{user_id or ''}:{character_id or ''}:{channel_id or ''}:{guild_id or ''}"


def sheet(event: PresetCreated) -> PresetSheet:
    """What the event says of the preset."""
    return PresetSheet.model_validate({name: getattr(event, name) for name in PresetSheet.model_fields})


__all__ = [
    "DefaultChosen",
    "Effort",
    "OverrideChosen",
    "Parameters",
    "PresetCreated",
    "PresetDeleted",
    "PresetEdited",
    "PresetRestored",
    "PresetSheet",
    "Reasoning",
    "Window",
    "override_stream",
    "sheet",
]
