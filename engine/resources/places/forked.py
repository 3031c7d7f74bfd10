"""What a conversation that goes on from another one takes over of it: places in the log."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST_LINES = 1000
"""More than any prompt reads."""
_Place = Annotated[int, Field(ge=0, lt=2**63)]


class ForkedLine(BaseModel):
    """Something said elsewhere. `asked` is the position of the message it belongs to, `place` where it stands among what was said,

    `edit` where the text it had stands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    position: _Place
    asked: _Place
    place: _Place
    edit: _Place | None = None
