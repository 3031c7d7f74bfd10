"""What people's reactions were, and which emoji does what where."""

from uuid import UUID

from engine.events.base import Event, Sealed, Snowflake, user_subject
from engine.events.message import Venue
from engine.resources.reacting.sheet import ReactionSheet


class _MessageEvent(Event):
    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue

    @property
    def stream_name(self) -> str:
        return f"reaction:{self.message_id}"


class _PersonEvent(_MessageEvent):
    """`emoji` is one of Unicode as it was given, or `name:id` of a server's own."""

    user_id: Snowflake
    emoji: Sealed[str]

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)


class ReactionAdded(_PersonEvent):
    """Somebody reacted to a message. `burst`: by what Discord calls a super reaction, which counts like any other."""

    burst: bool = False


class ReactionRemoved(_PersonEvent):
    """Somebody took a reaction back, or a moderator took it away."""


class ReactionsCleared(_MessageEvent):
    """All reactions to a message were taken away; with `emoji` those with this one."""

    emoji: str | None = None


class ReactionsMapped(ReactionSheet, Event):
    """What reactions do in a server, or to one character's replies, from now on: exactly one of the two is given."""

    guild_id: Snowflake | None = None
    character_id: UUID | None = None
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"reactions:guild:{self.guild_id}" if self.character_id is None else f"reactions:character:{self.character_id}"
