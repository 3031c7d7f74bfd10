"""What a person did with a conversation of theirs in the playground as a whole: gave it a title, deleted it, brought it in or back."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from engine.events.base import Count, Event, Sealed, Snowflake, user_subject

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


class ChatImported(ChatChange):
    """It came in whole from another program, `lines` of it, as talk with this character: all that was said in it before this event."""

    character_id: UUID
    lines: Count


class ChatWithdrawn(ChatChange):
    """What came in with its import is as if it never had: no history, memory or prompt has it."""


class ChatReadmitted(ChatChange):
    """What came in with its import is there again, as it was when it was withdrawn."""


class ChatLineKept(Event):
    """What a chat log from elsewhere says of a line besides what was said, as JSON; of itself where `message_id` is the channel's.

    A line that nobody said is here whole. It is written out again with the conversation.
    """

    message_id: Snowflake
    channel_id: Snowflake
    user_id: Snowflake
    kept: Sealed[str]

    @property
    def stream_name(self) -> str:
        return f"kept:{self.message_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)
