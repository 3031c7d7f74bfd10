"""The AI personalities."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints

from engine.events.base import Event, Part, Sealed, Snowflake

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{2,49}$")]
Visibility = Literal["public", "private"]


class Description(Part):
    """Everything that makes a character who it is. Lengths are of behaviour: what a person may type, not what a card may hold."""

    name: str = Field(min_length=1, max_length=100)
    info: str = ""
    traits: str = ""
    tone: str = ""
    age: str = ""
    appearance: str = ""
    likes: str = ""
    dislikes: str = ""
    goals: str = ""
    examples: str = ""
    greeting: str = ""
    system_prompt: str = ""
    error_message: str = ""
    avatar_url: str = ""
    birthday: str = ""
    aliases: tuple[str, ...] = ()
    custom: dict[str, JsonValue] = Field(default_factory=dict)


class CharacterCreated(Event):
    """A character exists. `owner_id` is None for those that come with the program."""

    character_id: UUID
    owner_id: Snowflake | None
    slug: Slug
    visibility: Visibility = "private"
    preset_id: UUID | None = None
    description: Sealed[Description]


class CharacterEdited(Event):
    """The whole description as it is from now on, so that a reader never has to merge."""

    character_id: UUID
    owner_id: Snowflake | None
    slug: Slug
    visibility: Visibility
    preset_id: UUID | None = None
    edited_by: Snowflake
    description: Sealed[Description]


class CharacterDeleted(Event):
    character_id: UUID
    owner_id: Snowflake | None
    slug: Slug
    deleted_by: Snowflake


class CharacterRestored(Event):
    """The deletion is taken back: the character is as it was before."""

    character_id: UUID
    owner_id: Snowflake | None
    slug: Slug
    restored_by: Snowflake
