"""How people present themselves to characters."""

from uuid import UUID

from engine.events.base import Event, Snowflake, user_subject
from engine.resources.places.profile import ProfileSheet


class ProfileEdited(ProfileSheet, Event):
    """A person's whole profile as it is from now on: in general, or with `character_id` where they talk with that character."""

    user_id: Snowflake
    character_id: UUID | None = None
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"profile:{self.user_id}:{self.character_id or ''}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)


def sheet(event: ProfileEdited) -> ProfileSheet:
    """What the event says of the person."""
    return ProfileSheet.model_validate({name: getattr(event, name) for name in ProfileSheet.model_fields})
