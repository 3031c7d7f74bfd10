"""A regex script as people edit it: find and replace as a step of showing words to a model or to people (I14)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.macros.scripts import LONGEST_PATTERN, Placement, Refused, Script, check
from engine.resources.field import Resource, Shown

SCRIPT, WHERE = "Script", "Where"
ScriptScope = Literal["character", "guild"]


class ScriptSheet(Resource):
    """One script. What is stored of a conversation stays as it was said: a script changes what a model reads and what is shown."""

    name: Annotated[str, Shown("Name", SCRIPT, "What it is called.", limit=100)] = Field(min_length=1, max_length=100)
    find: Annotated[str, Shown("Find", SCRIPT, "A pattern, once; or /pattern/gi for every match.", "text", LONGEST_PATTERN)] = Field(
        min_length=1, max_length=LONGEST_PATTERN
    )
    replace: Annotated[str, Shown("Replace by", SCRIPT, "{{match}} is what was found, $1 its first group.", "text", 4000)] = Field(
        "", max_length=4000
    )
    trim: Annotated[tuple[str, ...], Shown("Leave out", SCRIPT, "Of what was found, one a line.", "lines", 200, 20)] = ()
    user: Annotated[bool, Shown("What people say", WHERE, widget="switch")] = False
    replies: Annotated[bool, Shown("Replies", WHERE, widget="switch")] = True
    lore: Annotated[bool, Shown("Lorebook entries", WHERE, widget="switch")] = False
    holds: Annotated[
        Literal["both", "prompt", "shown"], Shown("Changes", WHERE, "What a model reads, what is shown, or both.", "choice")
    ] = "both"
    least_depth: Annotated[int | None, Shown("Not for the last", WHERE, "So many messages.", "number")] = Field(None, ge=0, le=10_000)
    most_depth: Annotated[int | None, Shown("Only for the last", WHERE, "0: the last message alone.", "number")] = Field(
        None, ge=0, le=10_000
    )
    disabled: Annotated[bool, Shown("Switched off", SCRIPT, widget="switch")] = False

    def script(self) -> Script:
        """The script as it is run."""
        places = ((self.user, Placement.USER), (self.replies, Placement.CHARACTER), (self.lore, Placement.LORE))
        return Script(
            self.find,
            self.replace,
            self.trim,
            frozenset(place for on, place in places if on),
            shown_only=self.holds == "shown",
            prompt_only=self.holds == "prompt",
            least_depth=self.least_depth,
            most_depth=self.most_depth,
            disabled=self.disabled,
        )


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a script's values taken together."""
    wrong = {} if values.get("name") else {"name": "A script needs a name."}
    try:
        check(Script(str(values.get("find", ""))))
    except Refused as refused:
        wrong["find"] = str(refused)
    if not any(values.get(place) for place in ("user", "replies", "lore")):
        wrong["replies"] = "Say for whose words it is."
    return wrong
