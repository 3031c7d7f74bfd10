"""Notes and ready-made rules of characters and channels."""

from pydantic import Field

from engine.events.base import Event, Sealed, Snowflake, user_subject
from engine.resources.craft.note import NoteScope, NoteSheet


class NoteSet(Event):
    """The note and the rules of one character or channel as they are from now on."""

    scope: NoteScope
    target: str = Field(max_length=64)
    set_by: Snowflake
    sheet: Sealed[NoteSheet]

    @property
    def stream_name(self) -> str:
        return f"note:{self.scope}:{self.target}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.set_by),)
