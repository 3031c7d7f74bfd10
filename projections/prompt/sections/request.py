"""What is asked of this turn besides answering: another version as somebody wishes it, or going on after the reply that stands.

References: `w:POSITION` of the request, and for going on `r:POSITION` of each part of the reply so far. Neither is part of the history.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.events.reply import ReplyContinued, ReplyEdited, ReplyRegenerated
from engine.events.turn import TurnCompleted
from engine.store import Log
from projections.models import history_window
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.sections.said import LONGEST
from projections.prompt.text import escape, section, seen

NAME = "request"
VERSION = 2
PLACE: Place = "tail"
BUDGET: Budget = "required"
_WISH = "You have answered this message already. Write another answer in its place. Whoever asked for it wishes this of it alone:"
_GO_ON = "You have answered this message already, as follows. Go on from where that ends, and write only what comes next."


@dataclass(frozen=True, slots=True)
class Asked:
    """`wish` is empty for another version as it comes; `so_far` are the texts to go on after, None for another version."""

    wish: str = ""
    so_far: tuple[str, ...] | None = None
    erased: bool = False


async def select(snapshot: Snapshot) -> Chosen:
    """The request behind this turn, where people asked for it after the first answer."""
    found = await history_window.request(snapshot.connection, snapshot.turn)
    return Chosen() if found is None else Chosen((f"w:{found.position}", *(f"r:{part}" for part in found.so_far)))


async def load(log: Log, chosen: Chosen, as_of: int) -> Asked | None:
    """The request with what it is about; None without one. LookupError when something is not there."""
    if not chosen.refs:
        return None
    positions = [int(ref[2:]) for ref in chosen.refs]
    rows = {recorded.position: recorded for recorded in await log.at(sorted(positions))}
    if missing := [position for position in positions if position not in rows]:
        raise LookupError(f"position {missing[0]} of the log is not there")
    wish, parts = "", list[str]()
    for position in positions:
        match rows[position].event:
            case ReplyRegenerated() as event:
                wish = event.wish
            case TurnCompleted() | ReplyEdited() as said:
                parts.append(said.text)
            case _:
                pass
    goes_on = any(isinstance(recorded.event, ReplyContinued) for recorded in rows.values())
    return Asked(wish, tuple(parts) if goes_on else None, any(recorded.erased for recorded in rows.values()))


def render(data: Asked | None, scene: Scene, version: int) -> Sequence[Piece]:
    """The request, nothing without one. Version 1 sent characters of a wish that nobody sees."""
    block = _block(data) if data is not None else ""
    return [Piece(Message.of("user", block if version < 2 else seen(block)))] if block else []


def _block(data: Asked) -> str:
    if data.so_far is not None:
        reply = "\n".join(section("reply", escape(part[-LONGEST:])) for part in data.so_far)
        return section("request", f"{_GO_ON}\n{reply}")
    return section("request", f"{_WISH}\n{escape(data.wish)}") if data.wish else ""
