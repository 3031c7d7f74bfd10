"""Build the row of a command's event."""

from uuid import UUID

from engine.events import SYSTEM_SUBJECT, user_subject
from engine.events.base import Event, Tags
from engine.store import NewEvent

_STREAMS = {
    "character": "character:{0.character_id}",
    "preset": "preset:{0.preset_id}",
    "channel": "channel:{0.channel_id}",
    "claim": "{0.name}",
    "quota": "budgets",
    "key": "keys:{0.user_id}",
    "model": "model:{0.model}",
}


def new(event: Event, key: UUID, correlation: UUID) -> NewEvent:
    """The row of an event, with the stream, tags and subject its fields say."""
    stream = "limits" if event.TYPE == "quota.limits_changed" else _STREAMS[event.TYPE.partition(".")[0]].format(event)
    owner = getattr(event, "owner_id", None)
    user = getattr(event, "by_user_id", getattr(event, "user_id", owner))
    tags = Tags(getattr(event, "guild_id", None), getattr(event, "channel_id", None), user, getattr(event, "character_id", None))
    subject = (SYSTEM_SUBJECT if owner is None else user_subject(owner)) if event.SEALED else None
    return NewEvent(event, stream, key, tags, subject, correlation=correlation)
