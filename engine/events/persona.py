"""Who people can be for characters, and who they are where."""

from uuid import UUID

from engine.events.base import Event, Snowflake, user_subject
from engine.resources.places.persona import PersonaSheet


class PersonaCreated(PersonaSheet, Event):
    """A person has another one they can be."""

    persona_id: UUID
    owner_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"persona:{self.persona_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.owner_id),)


class PersonaEdited(PersonaCreated):
    """The whole persona as it is from now on."""

    edited_by: Snowflake


class PersonaDeleted(Event):
    persona_id: UUID
    owner_id: Snowflake
    deleted_by: Snowflake

    @property
    def stream_name(self) -> str:
        return f"persona:{self.persona_id}"


class PersonaRestored(Event):
    """The deletion is taken back: the persona is as it was before."""

    persona_id: UUID
    owner_id: Snowflake
    restored_by: Snowflake

    @property
    def stream_name(self) -> str:
        return f"persona:{self.persona_id}"


class PersonaChosen(Event):
    """Who a person is from now on: everywhere, in the server `guild_id`, or for the character `character_id`.

    Without a persona that choice is taken back.
    """

    user_id: Snowflake
    guild_id: Snowflake | None = None
    character_id: UUID | None = None
    persona_id: UUID | None = None
    chosen_by: Snowflake

    @property
    def stream_name(self) -> str:
        return f"worn:{self.user_id}:{self.guild_id or ''}:{self.character_id or ''}"


def sheet(event: PersonaCreated) -> PersonaSheet:
    """What the event says of the persona."""
    return PersonaSheet.model_validate({name: getattr(event, name) for name in PersonaSheet.model_fields})
