"""Who is not answered, and where."""

from typing import Literal

from pydantic import Field

from engine.events.base import Event, Sealed, Snowflake, user_subject

Scope = Literal["bot", "guild", "channel", "character"]
Mode = Literal["block", "mute"]


class Denial(Event):
    """Base: which person it is about, and where it holds. `target` is the id of the server, channel or character; empty for the bot."""

    user_id: Snowflake
    scope: Scope
    target: str = Field("", max_length=40)
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"denial:{self.scope}:{self.target}:{self.user_id}"


class PersonDenied(Denial):
    """They are not answered there any more. block: nothing of theirs is kept or shown to a model; mute: it stays in the context.

    The reason is sealed for both, so that it goes with whoever is erased first.
    """

    mode: Mode = "block"
    reason: Sealed[str] = Field("", max_length=500)

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((user_subject(self.user_id), user_subject(self.by_user_id))))


class PersonAllowed(Denial):
    """They are answered there again."""
