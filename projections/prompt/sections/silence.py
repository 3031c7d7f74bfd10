"""That a character may say nothing, where it may (A17).

References: `t:POSITION` of the turn's request, which says so.
"""

from collections.abc import Sequence

from engine.decide.speaking.silence import TOKEN
from engine.store import Log, Query, reader
from projections.base import clear
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.text import section

NAME = "silence"
VERSION = 1
PLACE: Place = "tail"
BUDGET: Budget = "required"
_MAY = (
    f"Nobody addressed you. If your character would rather say nothing now, write {TOKEN} and nothing else; "
    "then nobody is shown anything. Otherwise answer as always."
)


async def select(snapshot: Snapshot) -> Chosen:
    """The request of the turn, where it allows silence."""
    query = Query(stream=f"turn:{snapshot.turn}", types=frozenset({"turn.requested"}))
    asked = [row async for row in reader.rows(snapshot.connection, query)]
    return Chosen(tuple(f"t:{row.position}" for row in asked if clear(row).get("may_decline", False))[:1])


async def load(log: Log, chosen: Chosen, as_of: int) -> bool:
    """Whether it may."""
    return bool(chosen.refs)


def render(data: bool, scene: Scene, version: int) -> Sequence[Piece]:
    """The permission, nothing without it."""
    return [Piece(Message.of("user", section("silence", _MAY)))] if data else []
