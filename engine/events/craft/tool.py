"""Tools that characters use while they answer (I6): what a model asked for, what it was told, and what that changed."""

from uuid import UUID

from pydantic import Field

from engine.events.base import Count, Event, Part, Sealed, Snowflake, user_subject
from engine.events.turn import Call


class AskedTool(Part):
    """One use of a tool that a model asked for; `arguments` are its JSON, as the model wrote it."""

    name: str
    arguments: str = ""


class ToolsCalled(Event):
    """A model did not answer yet: it asked for tools first. `cost` is the call that said so, `step` its place in the turn's loop.

    `text` is what it wrote beside that.
    """

    turn_id: UUID
    user_id: Snowflake
    character_id: UUID
    attempt: Count
    step: Count
    model: str
    tools: tuple[str, ...] = ()
    cost: Call
    asked: Sealed[tuple[AskedTool, ...]] = ()
    text: Sealed[str] = ""

    @property
    def stream_name(self) -> str:
        return f"turn:{self.turn_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)


class ToolBegun(Event):
    """A tool that may change something elsewhere is about to be used: whoever finds this without an answer does not try it again."""

    turn_id: UUID
    user_id: Snowflake
    character_id: UUID
    step: Count
    index: Count
    tool: str

    @property
    def stream_name(self) -> str:
        return f"turn:{self.turn_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)


class ToolAnswered(Event):
    """A tool was used, or refused. With `refs`, references to memories, it told what these say; `index` is its place in the step."""

    turn_id: UUID
    user_id: Snowflake
    character_id: UUID
    step: Count
    index: Count
    tool: str
    done: bool = True
    ms: float = 0.0
    refs: tuple[str, ...] = ()
    text: Sealed[str] = ""

    @property
    def stream_name(self) -> str:
        return f"turn:{self.turn_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)


class NotebookWritten(Event):
    """Something was written into a character's notebook for one person in one channel, or note `struck` was struck out.

    By the character in a turn, or by somebody's command: `by_user_id`.
    """

    character_id: UUID
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    user_id: Snowflake
    turn_id: UUID | None = None
    by_user_id: Snowflake | None = None
    struck: Count | None = None
    text: Sealed[str] = Field("", max_length=500)

    @property
    def stream_name(self) -> str:
        return notebook(self.character_id, self.channel_id, self.user_id)

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)


def notebook(character: UUID, channel: int, user: int) -> str:
    """The stream of a character's notes for one person in one channel."""
    return f"notebook:{character}:{channel}:{user}"
