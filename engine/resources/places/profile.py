"""How a person presents themselves to characters, and how they want to be answered (C3, C5, C7): in general, and with one character."""

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field

from engine.resources.field import Resource, Shown
from engine.sealed import Sealed

YOU, ANSWERS = "You", "Answers"
PROMPT = 4000


class ProfileSheet(Resource):
    """All of a profile that can be edited. What is empty in the profile with one character is as the general one says."""

    name: Annotated[Sealed[str], Shown("What characters call you", YOU, "Empty: by your name on Discord.", limit=100)] = Field(
        "", max_length=255
    )
    pronouns: Annotated[Sealed[str], Shown("Pronouns", YOU, "she/her, they/them, …", limit=100)] = Field("", max_length=100)
    about: Annotated[Sealed[str], Shown("About you", YOU, "What characters know of you.", "text", 2000)] = Field("", max_length=10_000)
    prompt: Annotated[
        Sealed[str], Shown("Your instructions", ANSWERS, "How you want to be answered; only in answers to you.", "text", PROMPT)
    ] = Field("", max_length=10_000)
    timezone: Annotated[Sealed[str], Shown("Time zone", ANSWERS, "Such as Europe/Berlin; empty: UTC.", limit=64)] = Field("", max_length=64)
    max_messages: Annotated[int | None, Shown("Messages read", ANSWERS, "Of the history; empty: as the preset says.", "number")] = Field(
        None, ge=1, le=100
    )


NOBODY = ProfileSheet()
"""What holds for who set nothing."""


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a profile's values taken together."""
    zone = str(values.get("timezone", ""))
    if zone and zone_of(zone) is None:
        return {"timezone": "There is no such time zone. They are called by continent and city, such as Europe/Berlin."}
    return {}


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of this name; None for none."""
    return ZoneInfo(name) if name in available_timezones() else None
