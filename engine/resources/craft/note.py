"""What is put into every prompt of a character or a channel beside the description: a note, and rules that are ready made."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.resources.craft.directives import DIRECTIVES, LONGEST, NotADirective, directive
from engine.resources.field import Resource, Shown

NOTE, RULES = "Note", "Rules"
NoteScope = Literal["character", "channel"]


class NoteSheet(Resource):
    """The note and the rules of one character or one channel."""

    text: Annotated[str, Shown("Note", NOTE, "Put between the messages, where Depth says. Empty: none.", "text", 4000)] = ""
    every: Annotated[int, Shown("Every", NOTE, "1: always; 5: with every fifth message; 0: never.", "number")] = Field(1, ge=0, le=1000)
    depth: Annotated[int, Shown("Depth", NOTE, "How many messages come after it; 0: it is last.", "number")] = Field(4, ge=0, le=999)
    role: Annotated[Literal["system", "user", "assistant"], Shown("Role", NOTE, "Whose words it is.", "choice")] = "system"
    directives: Annotated[
        tuple[str, ...],
        Shown(
            "Rules",
            RULES,
            f"Ready-made ones, one a line: {', '.join(DIRECTIVES)}; with a condition as brief: every 3, brief: drift, brief: /pattern/i.",
            "names",
            LONGEST,
            2 * len(DIRECTIVES),
        ),
    ] = ()


NOTHING_SET = NoteSheet()
"""What holds where nobody set anything."""


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a note's values taken together."""
    for text in values.get("directives", ()):
        try:
            directive(text)
        except NotADirective as error:
            return {"directives": str(error)}
    return {}
