"""What every face does with the notebooks that characters keep for people. Knows no face."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from engine.decide.craft import notebook
from engine.events.base import Tags
from engine.events.craft.tool import NotebookWritten
from engine.events.craft.tool import notebook as stream_of
from engine.store import Log, Query
from projections import tail

MOST = 2_000
"""Entries that are looked through for notebooks, the newest."""


@dataclass(frozen=True, slots=True)
class OneNotebook:
    """A character's notebook for a person in a channel: the notes that stand, by number."""

    character: UUID
    channel: int
    user: int
    guild: int | None
    notes: tuple[tuple[int, str], ...] = ()


async def of(log: Log, character: UUID, channel: int, user: int, guild: int | None = None) -> OneNotebook:
    """One notebook; empty when nothing was ever written into it."""
    state = notebook.State()
    for recorded in await log.stream(stream_of(character, channel, user)):
        state = notebook.evolve(state, recorded.event)
        guild = recorded.event.guild_id if isinstance(recorded.event, NotebookWritten) else guild
    return OneNotebook(character, channel, user, guild, tuple(state.notes.items()))


async def every(log: Log, character: UUID) -> Sequence[OneNotebook]:
    """All notebooks of a character in which something stands, the ones written into last first."""
    rows = await tail.newest(log, Query(types=frozenset({NotebookWritten.TYPE}), tags=Tags(character=character)), MOST)
    seen = dict.fromkeys((row.channel, row.user) for row in reversed(rows))
    found = [await of(log, character, channel, user) for channel, user in seen if channel is not None and user is not None]
    return [one for one in found if one.notes]
