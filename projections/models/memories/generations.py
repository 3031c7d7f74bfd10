"""Generations of what is computed of memories: summaries and facts by one model each, vectors by one embedder. One of each is met."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import class_row

from projections.base import sql
from projections.models.memories.memory_scope import MemoryScope


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation. `kind`: summary or vectors; "" is the one made by the settings. `chosen`: it is met. `cost` in US dollars."""

    kind: str
    name: str
    chosen: bool
    summaries: int = 0
    facts: int = 0
    vectors: int = 0
    cost: float | None = None


async def chosen(connection: AsyncConnection, kind: str) -> str:
    """The generation of a kind that is met; "" for the one that the settings make."""
    row = await (await connection.execute(sql("SELECT generation FROM memory.generations WHERE kind = %s", ""), (kind,))).fetchone()
    return str(row[0]) if row else ""


_LISTED = """
SELECT 'summary' AS kind, n.generation AS name, n.generation = %(summary)s AS chosen,
       count(*) FILTER (WHERE origin = 'summary') AS summaries,
       count(*) FILTER (WHERE origin = 'fact') AS facts, 0 AS vectors, sum(n.cost) AS cost
FROM (SELECT generation, origin, cost FROM memory.notes WHERE NOT gone AND origin IN ('summary', 'fact')
      UNION ALL SELECT generation, 'extraction', cost FROM memory.extractions) AS n GROUP BY n.generation
UNION ALL SELECT 'vectors', m.model, m.model = %(vectors)s, 0, 0, count(*), NULL FROM public.memory_embeddings m GROUP BY m.model
ORDER BY 1, 2
"""


async def listed(connection: AsyncConnection, vectors: str) -> Sequence[Generation]:
    """All that there are. `vectors` names the embedder that is used."""
    async with connection.cursor(row_factory=class_row(Generation)) as cursor:
        await cursor.execute(sql(_LISTED, ""), {"summary": await chosen(connection, "summary"), "vectors": vectors})
        return await cursor.fetchall()


async def of_channel(connection: AsyncConnection, channel: int) -> list[str]:
    """The generations that have summaries of a channel, by name; "" is the one that the settings make."""
    statement = "SELECT DISTINCT generation FROM memory.notes WHERE channel = %s AND origin = 'summary' AND NOT gone ORDER BY 1 LIMIT 50"
    return [row[0] for row in await (await connection.execute(sql(statement, ""), (channel,))).fetchall()]


_EMBEDDED = """
WITH RECURSIVE hop(model) AS (
    (SELECT model FROM public.memory_embeddings ORDER BY model LIMIT 1)
    UNION ALL
    SELECT (SELECT model FROM public.memory_embeddings WHERE model > hop.model ORDER BY model LIMIT 1) FROM hop WHERE hop.model IS NOT NULL
)
SELECT model FROM hop WHERE model IS NOT NULL LIMIT 50
"""


async def embedded(connection: AsyncConnection) -> list[str]:
    """The embedders whose vectors are kept, by hopping from one to the next in the index."""
    return [row[0] for row in await (await connection.execute(_EMBEDDED.encode())).fetchall()]


async def noted_on(connection: AsyncConnection, person: int, at_day_of: float, generation: str = "") -> int:
    """How many facts of a person a generation noted of the day (UTC) of a moment, given in Unix seconds."""
    statement = """
    SELECT count(*) FROM memory.notes WHERE person = %(person)s AND NOT gone AND origin = 'fact'
      AND generation = %(generation)s AND date_trunc('day', at, 'UTC') = date_trunc('day', to_timestamp(%(at)s), 'UTC')
    """
    row = await (await connection.execute(sql(statement, ""), {"person": person, "at": at_day_of, "generation": generation})).fetchone()
    return int(row[0]) if row else 0


_EVERYTHING = """
SELECT position, ref FROM (
    SELECT e.position, e.position || coalesce('~' || e.edit_position, '') AS ref FROM history.entries e
    WHERE e.live AND NOT e.gone AND e.position > %(after)s
    UNION ALL
    SELECT n.position, 'n:' || n.position FROM memory.notes n WHERE NOT n.gone AND n.position > %(after)s) AS every
ORDER BY position LIMIT %(limit)s
"""


async def everything(connection: AsyncConnection, after: int, limit: int) -> Sequence[tuple[int, str]]:
    """Position and reference (as in memory_scope) of what may be met by anybody, behind a position, in order."""
    return await (await connection.execute(sql(_EVERYTHING, ""), {"after": after, "limit": limit})).fetchall()


async def size(connection: AsyncConnection) -> int:
    """How many that are."""
    statement = """
    SELECT (SELECT count(*) FROM history.entries WHERE live AND NOT gone) + (SELECT count(*) FROM memory.notes WHERE NOT gone)
    """
    row = await (await connection.execute(sql(statement, ""))).fetchone()
    return int(row[0]) if row else 0


_ANSWERED = """
SELECT r.character AS reader, m.author_id AS person, r.channel, r.guild, r.venue, m.position AS until, m.sent_at AS at
FROM history.entries r JOIN history.entries m ON m.message_id = r.reply_to
WHERE r.kind = 'reply' AND r.live AND NOT r.gone AND NOT m.gone ORDER BY r.position DESC LIMIT %s
"""


async def answered(connection: AsyncConnection, limit: int) -> Sequence[MemoryScope]:
    """What the latest replies were answers to, as questions: who was answered by whom, where; `until` is the message's position."""
    async with connection.cursor(row_factory=class_row(MemoryScope)) as cursor:
        await cursor.execute(sql(_ANSWERED, ""), (limit,))
        return await cursor.fetchall()
