"""Build the row of a command's event."""

from uuid import UUID

from engine.events import SYSTEM_SUBJECT, user_subject
from engine.events.base import Event, Tags
from engine.store import NewEvent


def new(event: Event, key: UUID, correlation: UUID) -> NewEvent:
    """The row of an event, with the stream, tags and subject its fields say."""
    channel, character, name = (getattr(event, field, None) for field in ("channel_id", "character_id", "name"))
    stream = f"channel:{channel}" if channel is not None else f"character:{character}" if character is not None else str(name)
    owner = getattr(event, "owner_id", None)
    tags = Tags(getattr(event, "guild_id", None), channel, getattr(event, "by_user_id", owner), character)
    subject = (SYSTEM_SUBJECT if owner is None else user_subject(owner)) if event.SEALED else None
    return NewEvent(event, stream, key, tags, subject, correlation=correlation)
