"""What a channel's moderators set: who speaks there, and how many."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.resources.field import Resource, Shown

Speech = Literal["open", "called", "closed"]
Strategy = Literal["natural", "list", "pooled", "manual"]
SPEAKERS = "Speakers"
FIRST = "Speaking first"
MOST = 4
"""Characters that answer one message unless set otherwise (A3)."""


class ChannelSheet(Resource):
    """All of a channel that can be edited. It holds for everybody there, for the bot's owners as well."""

    speech: Annotated[
        Speech,
        Shown(
            "Characters",
            SPEAKERS,
            "open: they may speak; called: they listen and answer only when named or replied to; closed: they may not speak here.",
            "choice",
        ),
    ] = "open"
    strategy: Annotated[
        Strategy,
        Shown(
            "Who speaks",
            SPEAKERS,
            "Of several activated characters. natural: those named, others by their talkativeness; list: all in turn; pooled: one at "
            "random; manual: only who is called.",
            "choice",
        ),
    ] = "natural"
    most: Annotated[int, Shown("Most answers to a message", SPEAKERS, widget="number")] = Field(MOST, ge=1, le=10)
    burst_s: Annotated[
        float | None,
        Shown(
            "Wait for more (seconds)",
            SPEAKERS,
            "Quick messages of one person in a row get one answer. Empty: as BURST_SECONDS says; 0: each gets its own.",
            "number",
        ),
    ] = Field(None, ge=0, le=10)
    silence: Annotated[
        bool,
        Shown("May stay silent", SPEAKERS, "A character that nobody addressed may choose not to answer.", "switch"),
    ] = False
    idle_h: Annotated[
        float | None,
        Shown("Speaks first after (hours)", FIRST, "Hours without a word after which a character may begin. Empty: never.", "number"),
    ] = Field(None, ge=0.5, le=336)
    first_a_day: Annotated[int, Shown("Speaks first at most (a day)", FIRST, "Never twice without an answer.", "number")] = Field(
        1, ge=1, le=10
    )
    quiet_from: Annotated[int | None, Shown("Quiet from (hour, UTC)", FIRST, "Nobody speaks first from then on.", "number")] = Field(
        None, ge=0, le=23
    )
    quiet_to: Annotated[int | None, Shown("Quiet until (hour, UTC)", FIRST, widget="number")] = Field(None, ge=0, le=23)


AS_IT_COMES = ChannelSheet()
"""What holds where nobody set anything."""


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a channel's values taken together: nothing can be."""
    return {}
