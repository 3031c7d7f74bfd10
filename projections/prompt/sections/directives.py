"""Ready-made rules that were switched on for the character or the channel (I5): last in the system message.

References: `n:POSITION` of what switched them on.
"""

from collections.abc import Sequence

from engine.resources.craft.note import DIRECTIVES
from engine.store import Log
from projections.models.craft import notes
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.sections import note
from projections.prompt.sections.note import SetNotes
from projections.prompt.text import section

NAME = "directives"
VERSION = 1
PLACE: Place = "foot"
BUDGET: Budget = "required"


async def select(snapshot: Snapshot) -> Chosen:
    """What is set for the character and the channel."""
    found = await notes.of(snapshot.connection, snapshot.character, snapshot.channel)
    return Chosen(tuple(f"n:{position}" for position in found))


async def load(log: Log, chosen: Chosen, as_of: int) -> SetNotes:
    """What is set. LookupError when something is not there."""
    return await note.load(log, chosen, as_of)


def render(data: SetNotes | None, scene: Scene, version: int) -> Sequence[Piece]:
    """The rules in their own order, each once; nothing where none is on."""
    if data is None:
        return []
    on = {name for _, sheet in data.sheets for name in sheet.directives}
    lines = [f"- {rule}" for name, rule in DIRECTIVES.items() if name in on]
    refs = tuple(ref for ref, _ in data.sheets)
    return [Piece(Message.of("system", section("rules", "\n".join(lines))), refs)] if lines else []
