"""What every face does with notes of characters and channels. Knows no face."""

from uuid import UUID

from engine.events.note import NoteSet
from engine.resources.craft.note import NOTHING_SET, NoteScope, NoteSheet
from engine.store import Log
from projections.models.craft import notes


async def sheet_of(log: Log, scope: NoteScope, target: str) -> NoteSheet:
    """What is set for a character or a channel."""
    async with log.pool.connection() as connection:
        character, channel = (UUID(target), None) if scope == "character" else (None, int(target))
        positions = await notes.of(connection, character, channel)
    for recorded in await log.at(positions):
        if isinstance(recorded.event, NoteSet) and not recorded.erased:
            return recorded.event.sheet
    return NOTHING_SET
