"""The AI personalities."""

from uuid import UUID

from engine.events.base import SYSTEM_SUBJECT, Event, Sealed, Snowflake, user_subject
from engine.resources.character import Access, CharacterSheet, Description, Slug, Visibility


class CharacterCreated(Access, Event):
    """A character exists. `owner_id` is None for those that come with the program."""

    character_id: UUID
    owner_id: Snowflake | None
    description: Sealed[Description]

    @property
    def stream_name(self) -> str:
        return f"character:{self.character_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.owner_id) if self.owner_id is not None else SYSTEM_SUBJECT,)


class CharacterEdited(CharacterCreated):
    """The whole character as it is from now on, so that a reader never has to merge."""

    edited_by: Snowflake


class CharacterDeleted(Event):
    character_id: UUID
    owner_id: Snowflake | None
    slug: Slug
    deleted_by: Snowflake

    @property
    def stream_name(self) -> str:
        return f"character:{self.character_id}"


class CharacterRestored(Event):
    """The deletion is taken back: the character is as it was before."""

    character_id: UUID
    owner_id: Snowflake | None
    slug: Slug
    restored_by: Snowflake

    @property
    def stream_name(self) -> str:
        return f"character:{self.character_id}"


def sheet(event: CharacterCreated) -> CharacterSheet:
    """What the event says of the character."""
    return CharacterSheet.model_validate({name: getattr(event, name) for name in CharacterSheet.model_fields})


__all__ = [
    "CharacterCreated",
    "CharacterDeleted",
    "CharacterEdited",
    "CharacterRestored",
    "CharacterSheet",
    "Description",
    "Slug",
    "Visibility",
    "sheet",
]
