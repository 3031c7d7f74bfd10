"""How whoever is answered and the character stand to each other, as it was noted last of what they said to each other (D12).

References: `n:POSITION` of that memory, which must be one that may be met here.
"""

from collections.abc import Sequence

from engine import ids
from engine.store import Log
from projections.models.memories import memory_scope
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.sections import remembered
from projections.prompt.sections.remembered import Content
from projections.prompt.text import escape, seen

NAME = "relationship"
VERSION = 1
PLACE: Place = "tail"
BUDGET: Budget = "spare"


async def select(snapshot: Snapshot) -> Chosen:
    """The newest reading; nothing where nothing is remembered."""
    if snapshot.recall is None or snapshot.user is None:
        return Chosen()
    scope = memory_scope.MemoryScope(
        reader=snapshot.character,
        person=snapshot.user,
        channel=snapshot.channel,
        guild=snapshot.guild,
        venue=snapshot.venue,
        until=2**62,
        at=ids.snowflake_time(snapshot.message_id),
    )
    found = await memory_scope.between(snapshot.connection, scope)
    return Chosen() if found is None else Chosen((f"n:{found}",))


async def load(log: Log, chosen: Chosen, as_of: int) -> Content | None:
    """What it says; None without one. LookupError when it is not there."""
    return (await remembered.contents(log, chosen.refs))[0] if chosen.refs else None


def render(data: Content | None, scene: Scene, version: int) -> Sequence[Piece]:
    """One block beside the memories."""
    if data is None or data.erased:
        return []
    block = f'<memory kind="relationship" at="{data.at:%Y-%m-%d}">\n{escape(data.text)}\n</memory>'
    return [Piece(Message.of("user", seen(block)), refs=(data.ref,), what="relationship")]
