"""Channels that go on from another conversation, and what of it they took over: positions only, no text stands twice (ADR 68)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine import ids
from engine.decide import reply
from engine.events.base import Event
from engine.resources.places.forked import MOST_LINES, ForkedLine
from engine.store import Log, Query, Recorded, Stored
from projections import unchanged
from projections.base import Projection, clear, sql

MOST_ABOVE = 1_000
"""Forks of forks that are looked through for where it all began."""
STILL_THERE = "NOT (e.gone AND (e.kind = 'message' OR e.live))"
"""Whether something said, `e`, is still there for a fork: what its author deleted is not; a reply that others replaced later is."""


class Forks(Projection):
    name = "forks"
    version = 1
    types = frozenset({"conversation.forked"})
    ddl = """
    CREATE TABLE {schema}.forks (
        channel bigint PRIMARY KEY,
        source bigint NOT NULL,
        at bigint NOT NULL,
        character uuid NOT NULL,
        user_id bigint NOT NULL,
        venue text NOT NULL,
        position bigint NOT NULL
    );
    CREATE INDEX ON {schema}.forks (user_id, position);
    CREATE TABLE {schema}.lines (
        channel bigint NOT NULL,
        position bigint NOT NULL,
        asked bigint NOT NULL,
        place bigint NOT NULL,
        edit bigint,
        PRIMARY KEY (channel, position)
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            values: dict[str, Any] = clear(row) | {"position": row.position}
            await connection.execute(sql(_FORKED, schema), values)
            async with connection.cursor() as cursor:
                lines = [{"edit": None} | line | {"channel": values["channel_id"]} for line in values["lines"]]
                await cursor.executemany(sql(_LINE, schema), lines)


_FORKED = """
INSERT INTO {schema}.forks (channel, source, at, character, user_id, venue, position)
VALUES (%(channel_id)s, %(source_channel_id)s, %(at)s, %(character_id)s, %(by_user_id)s, %(venue)s, %(position)s)
ON CONFLICT DO NOTHING
"""
_LINE = """
INSERT INTO {schema}.lines (channel, position, asked, place, edit)
VALUES (%(channel)s, %(position)s, %(asked)s, %(place)s, %(edit)s) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a channel goes on from: the conversation in `source` as it was at the event `at`."""

    channel: int
    source: int
    at: int
    character: UUID


async def fork_of(connection: AsyncConnection, channel: int, *, schema: str = "forks") -> Fork | None:
    """What a channel goes on from; None for one that began here."""
    async with connection.cursor(row_factory=class_row(Fork)) as cursor:
        await cursor.execute(sql("SELECT channel, source, at, character FROM {schema}.forks WHERE channel = %s", schema), (channel,))
        return await cursor.fetchone()


async def root_of(connection: AsyncConnection, channel: int, *, schema: str = "forks") -> int:
    """The channel in which what a channel goes on from began; itself where it began there. Of forks of forks the first."""
    statement = """
    WITH RECURSIVE above (channel, n) AS (
        SELECT %(channel)s::bigint, 0
        UNION ALL
        SELECT f.source, n + 1 FROM above JOIN {schema}.forks f ON f.channel = above.channel WHERE n < %(most)s)
    SELECT channel FROM above ORDER BY n DESC LIMIT 1
    """
    found = await unchanged.rows(connection, [schema], sql(statement, schema), {"channel": channel, "most": MOST_ABOVE})
    return int(found[0][0])


@dataclass(frozen=True, slots=True)
class _Said:
    position: int
    asked: int
    place: int
    edit: int | None
    kind: str
    message_id: int | None
    reply_to: int | None
    character: UUID | None
    turn: UUID | None
    versions: bool


_BY_THEN = f"""
SELECT * FROM (
    (SELECT e.position, e.asked, e.place, e.edit_position AS edit, e.kind, e.message_id, e.reply_to, e.character, e.turn,
           EXISTS (SELECT 1 FROM history.versions v WHERE v.turn = e.turn) AS versions
    FROM history.entries e WHERE e.channel = %(channel)s AND e.position <= %(at)s AND {STILL_THERE}
      AND e.asked > coalesce((SELECT max(position) FROM history.resets
                              WHERE channel = %(channel)s AND character IS NULL AND position <= %(at)s), 0)
    ORDER BY e.asked DESC, e.place DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT f.position, f.asked, f.place, f.edit, e.kind, e.message_id, e.reply_to, e.character, e.turn, false
    FROM forks.lines f JOIN history.entries e ON e.position = f.position WHERE f.channel = %(channel)s AND {STILL_THERE}
    ORDER BY f.asked DESC, f.place DESC LIMIT %(limit)s)
) AS said ORDER BY asked DESC, place DESC LIMIT %(limit)s
"""


async def by_then(log: Log, channel: int, at: int) -> tuple[ForkedLine, ...]:
    """What was visible in a channel at a position of the log, the oldest first, the newest MOST_LINES of it.

    Each with the text it had by then, and of each reply the version that was shown. What its author deleted since is left out.
    """
    async with log.pool.connection() as connection, connection.cursor(row_factory=class_row(_Said)) as cursor:
        await cursor.execute(sql(_BY_THEN, "forks"), {"channel": channel, "at": at, "limit": MOST_LINES * 2})
        said = (await cursor.fetchall())[::-1]
    shown: dict[tuple[int, UUID], frozenset[UUID]] = {}
    found = []
    for one in said:
        if one.versions and one.reply_to is not None and one.character is not None:
            reply_id = (one.reply_to, one.character)
            if reply_id not in shown:
                shown[reply_id] = await _shown(log, *reply_id, [s.turn for s in said if (s.reply_to, s.character) == reply_id], at)
            if one.turn not in shown[reply_id]:
                continue
        edit = one.edit if one.edit is None or one.edit <= at else await _edit(log, one.message_id or 0, at)
        found.append(ForkedLine(position=one.position, asked=one.asked, place=one.place, edit=edit))
    return tuple(found[-MOST_LINES:])


async def _shown(log: Log, message: int, character: UUID, turns: Sequence[UUID | None], at: int) -> frozenset[UUID]:
    """The version and segments of a reply that were shown at a position."""
    streams = [reply.stream(message, character), *(f"turn:{turn}" for turn in dict.fromkeys(turns) if turn is not None)]
    streams += [f"turn:{ids.turn(message, character)}"]
    events: dict[UUID, Recorded[Event]] = {}
    for stream in dict.fromkeys(streams):
        events |= {one.id: one async for one in log.read(Query(stream=stream, until=at))}
    state = reply.fold(one.event for one in sorted(events.values(), key=lambda one: one.position))
    return frozenset(one for one in (state.live, *state.segments) if one is not None)


async def _edit(log: Log, message: int, at: int) -> int | None:
    """Where the text stands that a message had at a position; None where it had its first."""
    wanted = Query(stream=f"message:{message}", types=frozenset({"message.edited"}), until=at, backwards=True, limit=1)
    return next((row.position for row in [one async for one in log.rows(wanted)]), None)


FORKS = Forks()
