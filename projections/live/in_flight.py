"""What happens at this moment: turns that wait or are written, replies on their way. Reads read models, leases and drafts; owns nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

Stage = Literal["waiting", "preparing", "writing", "delivering"]
STAGES: tuple[Stage, ...] = ("waiting", "preparing", "writing", "delivering")
SHOWN = 50
"""Of each stage, the oldest."""


@dataclass(frozen=True, slots=True)
class InFlight:
    """A turn on its way. `since` is when it came to this stage, as far as that is known; `size` the bytes of its draft.

    `among`: how many there are in the stage. `attempts` are calls to a model that were begun.
    """

    turn: UUID
    channel: int
    character: UUID
    user_id: int
    venue: str
    stage: Stage
    since: datetime
    attempts: int
    model: str | None
    size: int
    among: int


# A lease says who is at work on a turn; a draft that a model has begun to answer.
_NOW = b"""
WITH pending AS (
    SELECT t.turn, t.channel, t.character, t.user_id, t.venue, t.position,
           CASE WHEN d.turn IS NOT NULL OR t.attempts > 0 THEN 'writing'
                WHEN l.turn IS NOT NULL THEN 'preparing' ELSE 'waiting' END AS stage,
           t.requested_at AS since, t.attempts, t.model, coalesce(octet_length(d.sealed), 0) AS size
    FROM turns.turns t
    LEFT JOIN leases l ON l.conversation = t.channel || ':' || t.character AND l.turn = t.turn AND l.expires_at > now()
    LEFT JOIN drafts d ON d.turn = t.turn
    WHERE t.status = 'pending'
), due AS (
    SELECT d.turn, d.channel, d.character, d.user_id, d.venue, d.position, 'delivering', d.due_at, t.attempts, t.model, 0
    FROM deliveries.deliveries d JOIN turns.turns t ON t.turn = d.turn WHERE d.status IN ('due', 'intended')
), every AS (SELECT * FROM pending UNION ALL SELECT * FROM due), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY stage ORDER BY position) AS nth, count(*) OVER (PARTITION BY stage) AS among FROM every
)
SELECT turn, channel, character, user_id, venue, stage, since, attempts, model, size, among FROM numbered WHERE nth <= %s ORDER BY position
"""


async def now(connection: AsyncConnection, *, shown: int = SHOWN) -> list[InFlight]:
    """Turns in flight in the order of the log, at most `shown` of each stage."""
    async with connection.cursor(row_factory=class_row(InFlight)) as cursor:
        await cursor.execute(_NOW, (shown,))
        return await cursor.fetchall()
