"""What a person did with a conversation of theirs in the playground as a whole: gave it a title, deleted it, brought it back."""

from typing import Annotated

from pydantic import Field

from engine.events.base import Event, Sealed, Snowflake, user_subject

LONGEST_TITLE = 100


class ChatChange(Event):
    """Base: which conversation, and whose it is."""

    channel_id: Snowflake
    by_user_id: Snowflake

    @property
    def stream_name(self) -> str:
        return f"chat:{self.channel_id}"


class ChatTitled(ChatChange):
    """It is listed under this title from now on; empty: under the first words said in it."""

    title: Sealed[Annotated[str, Field(max_length=LONGEST_TITLE)]]

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.by_user_id),)


class ChatDeleted(ChatChange):
    """It is listed nowhere any more, and nothing can be said in it."""


class ChatRestored(ChatChange):
    """It is there again, as it was."""
