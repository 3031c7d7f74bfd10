"""What macros of a character left behind in the conversation: variables (D16), and where it began (I14). Says nothing of its own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.events.character import Description
from engine.events.turn import GenerationStarted
from engine.store import Log
from projections.models import history_window
from projections.models.craft import chat_variables
from projections.models.places import forks
from projections.prompt.macros import CHAT, KEPT
from projections.prompt.section import Budget, Chosen, Moment, Piece, Place, Scene, Snapshot
from projections.prompt.sections import character

NAME = chat_variables.SECTION
VERSION = 1
PLACE: Place = "elsewhere"
BUDGET: Budget = "required"
_LEFT, _BEGAN = "v:", "o:"
"""How references begin that name the call whose variables hold, and the channel that the conversation began in."""
_USES = re.compile(r"\{\{\s*(?:[.$]|(?:get|set|add|inc|dec)(?:global)?var)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LeftVariables:
    """What holds at this message. `began`: the channel of the conversation that this one goes on from, at its very beginning."""

    values: Mapping[str, str] = field(default_factory=dict)
    began: int | None = None
    refs: tuple[str, ...] = ()
    erased: bool = False


async def select(snapshot: Snapshot) -> Chosen:
    """The call that left something, the message to answer, and where a fork began."""
    began = await forks.root_of(snapshot.connection, snapshot.channel)
    asked = snapshot.asked_at
    if asked is None and (trigger := await history_window.message(snapshot.connection, snapshot.message_id)) is not None:
        asked = trigger.position
    refs = [] if asked is None else [f"{chat_variables.ASKED}{asked}"]
    if asked is not None:
        left = await chat_variables.before(snapshot.connection, snapshot.channel, snapshot.character, asked)
        refs += [] if left is None else [f"{_LEFT}{left}"]
    return Chosen((*refs, *([] if began == snapshot.channel else [f"{_BEGAN}{began}"])))


async def load(log: Log, chosen: Chosen, as_of: int) -> LeftVariables:
    """The values, from the log."""
    named = {ref[:2]: int(ref[2:]) for ref in chosen.refs}
    values, erased = dict[str, str](), False
    for recorded in await log.at([named[_LEFT]]) if _LEFT in named else ():
        if isinstance(started := recorded.event, GenerationStarted):
            values, erased = dict(started.variables), recorded.erased
    return LeftVariables(values, named.get(_BEGAN), chosen.refs, erased)


def settle(data: LeftVariables, others: Mapping[str, Any], moment: Moment) -> Chosen:
    """Nothing of variables for a character that uses none: then none are kept either."""
    card = others.get(character.NAME)
    used = isinstance(card, character.Card) and uses(card.description)
    return Chosen(tuple(ref for ref in data.refs if used or ref.startswith(_BEGAN)))


def uses(description: Description) -> bool:
    """Whether a description has macros that read or set variables. Pure."""
    return any(_USES.search(str(getattr(description, name))) for name in character.FIELDS)


def render(data: LeftVariables, scene: Scene, version: int) -> Sequence[Piece]:
    """Nothing: others say what it offers."""
    return ()


def offer(data: LeftVariables | None, scene: Scene, version: int) -> Mapping[str, str]:
    """The variables for the description, and the conversation's beginning for whatever picks."""
    if data is None:
        return {}
    began = {} if data.began is None else {CHAT: str(data.began)}
    return {KEPT + name: value for name, value in data.values.items()} | began
