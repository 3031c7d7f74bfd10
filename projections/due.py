"""What waits to be shown in a channel: read of several read models at once, and before they know what came last."""

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from engine.store.together import together
from projections.models import deliveries, history, turns
from projections.models.deliveries import Delivery
from projections.models.turns import Turn

NEAR = 500
"""Events that the read models may be behind, where the log is asked what is among those."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What waits in a channel: the due answers in the order of the log, the turns to the messages they answer, those of them that were

    shown or will not be, and the message a person said last there. `came`: the one that the read models may not know yet.
    """

    due: list[Delivery]
    asked: list[Turn]
    ended: set[UUID]
    newest_message: int | None
    came: Delivery | None = None


async def standing(connection: AsyncConnection, venue: str, channel: int) -> Standing:
    """What has to be known to show the next answer of a channel, as the read models know it, in one round trip."""
    here = {"venue": venue, "channel": channel, "message": None}
    return Standing(*await together(connection, *_questions(connection, here)))


async def standing_with(connection: AsyncConnection, came: Delivery) -> Standing | None:
    """The same with an answer that became due just now, before the read models know of it.

    None where they may lack something else of the channel that came before it: the log says whether there is anything.
    """
    here = {"venue": came.venue, "channel": came.channel, "message": came.message_id}
    known, due, asked, ended, newest = await together(
        connection, _nothing_before(connection, came.channel, came.position), *_questions(connection, here)
    )
    others = [row for row in due if row.turn != came.turn]
    return Standing(sorted([*others, came], key=lambda row: row.position), asked, ended, newest, came) if known else None


_TYPES = sorted((deliveries.DELIVERIES.types | turns.TURNS.types) - {"turn.generation_started"})
"""What says who waits for whom: all that these read models follow, but for the beginning of a call."""
_DUE_HERE = "FROM deliveries.deliveries WHERE venue = %(venue)s AND channel = %(channel)s AND status IN ('due', 'intended')"
_MESSAGES = f"SELECT message_id {_DUE_HERE} UNION ALL SELECT %(message)s::bigint"
_ENDED_BESIDE = f"""
SELECT turn FROM deliveries.deliveries WHERE status IN ('delivered', 'failed')
AND turn IN (SELECT t.turn FROM turns.turns t WHERE t.message_id IN ({_MESSAGES}))
"""
_NOTHING_BEFORE = """
SELECT count(*) = 2 AND min(p.position) >= %(position)s - %(near)s AND NOT EXISTS (
    SELECT 1 FROM events e WHERE e.channel = %(channel)s AND e.position < %(position)s AND e.type = ANY(%(types)s)
    AND e.position > greatest((SELECT min(q.position) FROM projections q WHERE q.role = 'live' AND q.name IN ('turns', 'deliveries')),
                              %(position)s - %(near)s))
FROM projections p WHERE p.role = 'live' AND p.name IN ('turns', 'deliveries')
"""


def _questions(connection: AsyncConnection, here: Mapping[str, object]) -> tuple[Coroutine[Any, Any, object], ...]:
    channel = int(str(here["channel"]))
    return (
        deliveries.due_in(connection, str(here["venue"]), channel),
        turns.to_messages_of(connection, _MESSAGES, here),
        _ended_beside(connection, here),
        history.newest_message(connection, channel),
    )


async def _ended_beside(connection: AsyncConnection, here: Mapping[str, object]) -> set[UUID]:
    """Turns to the same messages that were shown, or will not be."""
    return {row[0] for row in await (await connection.execute(_ENDED_BESIDE.encode(), here)).fetchall()}


async def _nothing_before(connection: AsyncConnection, channel: int, position: int) -> bool:
    """Whether the read models know everything of a channel that came before a position."""
    values = {"channel": channel, "position": position, "near": NEAR, "types": _TYPES}
    row = await (await connection.execute(_NOTHING_BEFORE, values)).fetchone()
    return bool(row and row[0])
