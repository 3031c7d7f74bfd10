"""What holds for a server, and whether the bot serves it."""

from typing import Annotated

from pydantic import Field

from engine.events.base import SYSTEM_SUBJECT, Event, Sealed, Snowflake, user_subject
from engine.resources.places.server import ServerSheet


class ServerEdited(ServerSheet, Event):
    """All that is set for a server, as it is from now on."""

    guild_id: Snowflake
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"server:{self.guild_id}"


class ServerDenied(Event):
    """The bot leaves this server, and leaves it again when it is invited again."""

    guild_id: Snowflake
    by_user_id: Snowflake
    reason: Sealed[str] = Field("", max_length=500)

    @property
    def stream_name(self) -> str:
        return f"serving:{self.guild_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.by_user_id),)


class ServerAllowed(Event):
    """The bot serves this server: it was denied before, or only servers that are named are served."""

    guild_id: Snowflake
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"serving:{self.guild_id}"


class PersonDisclosed(Event):
    """A person was told in a server that it is an AI that answers. `reminder`: again, where minors are."""

    guild_id: Snowflake
    channel_id: Snowflake
    user_id: Snowflake
    reminder: bool = False

    @property
    def stream_name(self) -> str:
        return f"care:{self.guild_id}:{self.user_id}"


class HelpReferred(Event):
    """A person was shown where help is. Nothing of what they wrote stands here."""

    guild_id: Snowflake | None
    channel_id: Snowflake
    user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"care:{self.guild_id or 0}:{self.user_id}"


class PermissionEvent(Event):
    """What was noticed of a permission of the bot's in a channel; `permission` is Discord's name of it."""

    guild_id: Snowflake
    channel_id: Snowflake
    permission: str = Field(max_length=50)

    @property
    def stream_name(self) -> str:
        return f"permissions:{self.guild_id}"


class PermissionMissed(PermissionEvent):
    """The bot lacks it there."""


class PermissionGiven(PermissionEvent):
    """The bot has it there again."""


class PlaceNamed(Event):
    """What a server, or a channel in it, is called on Discord from now on. Pages and filters show it in place of a number."""

    guild_id: Snowflake
    channel_id: Snowflake | None = None
    name: Sealed[Annotated[str, Field(max_length=100)]]

    @property
    def stream_name(self) -> str:
        return f"places:{self.guild_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (SYSTEM_SUBJECT,)


def sheet(event: ServerEdited) -> ServerSheet:
    """What the event says of the server."""
    return ServerSheet.model_validate({name: getattr(event, name) for name in ServerSheet.model_fields})
