"""What a server's moderators set: where characters may speak, and what people are told."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.resources.channel import Speech
from engine.resources.field import PersonId, Resource, Shown

WHERE, CARE = "Where", "Care"
Listing = Literal["all", "only", "except"]


class ServerSheet(Resource):
    """All of a server that can be edited. It holds for everybody there, administrators and the bot's owners as well, but for `exempt`."""

    speech: Annotated[
        Speech,
        Shown(
            "Characters",
            WHERE,
            "open; called: they answer only who calls or replies (ghost mode); closed. The stricter of server and channel counts.",
            "choice",
        ),
    ] = "open"
    listing: Annotated[
        Listing,
        Shown("Channels", WHERE, "all; only: in those listed; except: everywhere but there. Threads as their channel.", "choice"),
    ] = "all"
    channels: Annotated[tuple[PersonId, ...], Shown("Listed channels", WHERE, "Channel ids, one a line.", "people", many=100)] = ()
    per_minute: Annotated[
        int | None, Shown("Answers a minute for one person", WHERE, "Empty: only the limits of the bot itself.", "number")
    ] = Field(None, ge=1, le=600)
    role_limits: Annotated[
        dict[str, int],
        Shown("Answers a minute by role", WHERE, 'Role id to answers: {"123": 20}. The highest of a person\'s roles counts.', "json", 2000),
    ] = Field(default_factory=dict)
    exempt: Annotated[
        tuple[PersonId, ...],
        Shown(
            "Exempt",
            WHERE,
            "Ids of roles and people whom no limit here binds, and who are answered in closed channels too.",
            "people",
            many=25,
        ),
    ] = ()
    news_channel: Annotated[
        int | None, Shown("Channel for news", WHERE, "Id of the channel that is told of new versions of the bot; empty: none.", "number")
    ] = Field(None, ge=1, lt=2**63)
    disclosure: Annotated[bool, Shown("Say that it is an AI", CARE, "Once to each person here, with the first answer.", "switch")] = True
    minors: Annotated[
        bool, Shown("Minors are here", CARE, "A reminder that it is an AI every 3 hours; no characters for adults.", "switch")
    ] = False
    referral: Annotated[bool, Shown("Point to help", CARE, "Who writes of harming themselves is shown where help is.", "switch")] = True


MOST_ROLES = 25
AS_IT_COMES = ServerSheet()
"""What holds where nobody set anything."""
_STRICTNESS: Mapping[Speech, int] = {"open": 0, "called": 1, "closed": 2}


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a server's values taken together."""
    if values.get("listing") == "only" and not values.get("channels"):
        return {"channels": "List at least one channel, or characters may speak nowhere."}
    limits = values.get("role_limits") or {}
    if len(limits) > MOST_ROLES or not all(role.isascii() and role.isdigit() and 1 <= each <= 600 for role, each in limits.items()):
        return {"role_limits": f"At most {MOST_ROLES} roles by their ids, each with 1 to 600 answers."}
    return {}


def pace(server: ServerSheet, roles: Sequence[int]) -> int | None:
    """Answers a minute for a person with these roles; None for no limit of the server's. A role's limit goes before the general one."""
    return max((server.role_limits[str(role)] for role in roles if str(role) in server.role_limits), default=server.per_minute)


def is_exempt(server: ServerSheet, person: int, roles: Sequence[int]) -> bool:
    """Whether restrictions do not bind a person with these roles."""
    return person in server.exempt or any(role in server.exempt for role in roles)


def eased(speech: Speech, exempt: bool) -> Speech:
    """How characters may speak to somebody who is exempt: where it is closed they answer when they are called."""
    return "called" if exempt and speech == "closed" else speech


def speech(server: ServerSheet, channel: Speech, places: tuple[int | None, ...]) -> Speech:
    """How characters may speak in a channel: the stricter of what server and channel say. `places`: the channel, and its parent."""
    listed = any(place in server.channels for place in places if place is not None)
    shut = (server.listing == "only" and not listed) or (server.listing == "except" and listed)
    return "closed" if shut else max(server.speech, channel, key=_STRICTNESS.__getitem__)
