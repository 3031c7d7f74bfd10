"""One of the people a person can be for characters (C3): what it is called, and what characters know of it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from engine.resources.field import Resource, Shown
from engine.sealed import Sealed

YOU, MEMORY = "You", "Memory"


class PersonaSheet(Resource):
    """All of a persona that can be edited. Where one is worn it says the whole: what it leaves empty no profile fills in."""

    name: Annotated[Sealed[str], Shown("Name", YOU, "What characters call you while you are this one.", limit=100)] = Field(
        min_length=1, max_length=255
    )
    pronouns: Annotated[Sealed[str], Shown("Pronouns", YOU, "she/her, they/them, …", limit=100)] = Field("", max_length=100)
    about: Annotated[Sealed[str], Shown("About you", YOU, "What characters know of you then.", "text", 2000)] = Field("", max_length=10_000)
    share_memory: Annotated[
        bool,
        Shown("Share memories", MEMORY, "no: what you say elsewhere as this one is met only while you are this one.", "switch"),
    ] = True


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a persona's values taken together."""
    return {} if str(values.get("name", "")).strip() else {"name": "A persona needs a name."}
