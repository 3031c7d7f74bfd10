"""How everything stands right now: what health and metrics show. Reads the read models' bookkeeping, owns nothing."""

from dataclasses import dataclass, field

from psycopg import AsyncConnection

from projections.follow import aside, runner
from projections.follow.runner import Progress
from projections.live import heartbeats
from projections.live.heartbeats import Heartbeat
from projections.models import jobs


@dataclass(frozen=True, slots=True)
class Behind:
    """A read model, or the relay, that has not taken up all events: how many, and for how long the oldest of them has waited."""

    name: str
    events: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """What Postgres knows. `head`: the newest event's position; `relayed`: the last one published; `size`: bytes of the database.

    `behind` are those that stand still or are slow: alive or not, the age of what they have not done tells.
    """

    server: str
    size: int
    head: int
    relayed: int
    progress: tuple[Progress, ...]
    processes: tuple[Heartbeat, ...]
    pending_turns: int
    due_deliveries: int
    active_characters: int
    characters: int
    behind: tuple[Behind, ...] = ()
    running_turns: int = 0
    """Pending turns a model was asked for already."""
    wait_s: float = 0.0
    """How long the oldest turn has waited that nobody has asked a model for."""
    jobs: dict[str, int] = field(default_factory=dict)
    """Jobs by status."""
    aside: dict[str, int] = field(default_factory=dict)
    """Events each read model put aside, because Postgres refused what they hold."""

    @property
    def waiting_turns(self) -> int:
        return max(self.pending_turns - self.running_turns, 0)


RELAY = "relay"
_BEHIND = b"""
WITH progress AS (
    SELECT name, position FROM projections WHERE role = 'live' UNION ALL SELECT 'relay', position FROM relay
)
SELECT s.name, h.position - s.position, extract(epoch FROM clock_timestamp() - e.recorded_at)::float8
FROM progress s, log_head h, events e WHERE e.position = s.position + 1 ORDER BY 1
"""
_NUMBERS = b"""
SELECT current_setting('server_version'), pg_database_size(current_database()), (SELECT position FROM log_head),
       (SELECT position FROM relay),
       (SELECT count(*) FROM turns.turns WHERE status = 'pending'),
       (SELECT count(*) FROM deliveries.deliveries WHERE status IN ('due', 'intended')),
       (SELECT count(DISTINCT character) FROM channels.activations), (SELECT count(*) FROM catalog.characters WHERE NOT deleted),
       (SELECT count(*) FROM turns.turns WHERE status = 'pending' AND attempts > 0),
       (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(requested_at)), 0)::float8
        FROM turns.turns WHERE status = 'pending' AND attempts = 0)
"""


async def look(connection: AsyncConnection) -> Status:
    """One look, in a handful of cheap statements."""
    row = await (await connection.execute(_NUMBERS)).fetchone()
    assert row is not None
    server, size, head, relayed, pending, due, active, characters, running, wait = row
    behind = await (await connection.execute(_BEHIND)).fetchall()
    return Status(
        server=server.split()[0],
        size=size,
        head=head,
        relayed=relayed,
        progress=tuple(await runner.progress(connection)),
        processes=tuple(await heartbeats.alive(connection)),
        pending_turns=pending,
        due_deliveries=due,
        active_characters=active,
        characters=characters,
        behind=tuple(Behind(*columns) for columns in behind),
        running_turns=running,
        wait_s=max(wait, 0.0),
        jobs=await jobs.counts(connection),
        aside=await aside.counts(connection),
    )
