"""What is put into every prompt of a character or a channel beside the description: a note, and rules that are ready made."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.resources.field import Resource, Shown

NOTE, RULES = "Note", "Rules"
NoteScope = Literal["character", "channel"]
DIRECTIVES: Mapping[str, str] = MappingProxyType(
    {
        "plain": "Do not flatter. Disagree where the character would, and praise only what deserves it.",
        "brief": "Answer in at most three short sentences unless more is asked for.",
        "continuity": "Keep to what was said and done so far: names, places, times, objects and promises stay as they are.",
        "own-words": "Do not repeat phrases, openings or gestures of your last replies.",
        "no-puppets": "Never speak, act, think or feel for anybody but your own character.",
    }
)
"""Rules that can be switched on by name (I5), in the order in which they stand."""


class NoteSheet(Resource):
    """The note and the rules of one character or one channel."""

    text: Annotated[str, Shown("Note", NOTE, "Put between the messages, where Depth says. Empty: none.", "text", 4000)] = ""
    every: Annotated[int, Shown("Every", NOTE, "1: always; 5: with every fifth message; 0: never.", "number")] = Field(1, ge=0, le=1000)
    depth: Annotated[int, Shown("Depth", NOTE, "How many messages come after it; 0: it is last.", "number")] = Field(4, ge=0, le=999)
    role: Annotated[Literal["system", "user", "assistant"], Shown("Role", NOTE, "Whose words it is.", "choice")] = "system"
    directives: Annotated[
        tuple[str, ...], Shown("Rules", RULES, f"Ready-made ones, one a line: {', '.join(DIRECTIVES)}.", "names", 40, len(DIRECTIVES))
    ] = ()


NOTHING_SET = NoteSheet()
"""What holds where nobody set anything."""


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a note's values taken together."""
    if unknown := [name for name in values.get("directives", ()) if name not in DIRECTIVES]:
        return {"directives": f"There is no rule called {unknown[0][:40]}. There are: {', '.join(DIRECTIVES)}."}
    return {}
