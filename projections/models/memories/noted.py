"""What is noted of a person, opened: for lists, searches and views. What prompts may meet: memory_scope."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from engine import clock
from engine.sealing import DataKey
from engine.store.codec import ERASED, open_fields
from engine.vault import Vault
from projections.base import sql
from projections.models.memories.memory_scope import ENDED, HIDDEN, REPLACED, TAKEN_BACK

WITHHELD = "(What this was made of was taken back, so it is met no more.)"


@dataclass(frozen=True, slots=True)
class Note:
    """One memory besides what was said.

    `hidden`: a consolidation stands for it; `taken_back`: what it was made of is gone; `replaced`: a newer one has taken its place;
    `until`: it holds until then, for good without; `ended`: that is over.
    """

    memory: UUID
    position: int
    person: int
    origin: str
    character: UUID | None
    channel: int | None
    guild: int | None
    venue: str
    reach: str
    at: datetime
    model: str
    cost: float | None
    corrected: bool
    locked: bool
    archived: bool
    hidden: bool
    text: str
    taken_back: bool = False
    generation: str = ""
    replaced: bool = False
    entities: tuple[str, ...] = ()
    until: datetime | None = None
    ended: bool = False

    @property
    def name(self) -> str:
        """What people call it by."""
        return self.memory.hex[-8:]


@dataclass(frozen=True, slots=True)
class NoteSource:
    """What a memory was made of; `position` is where that stands in the log."""

    message_id: int | None
    turn: UUID | None
    of_memory: UUID | None
    position: int | None


@dataclass(frozen=True, slots=True)
class RunningSession:
    """incognito or fresh, with one character or all, until it is ended or `until`."""

    kind: str
    character: UUID | None
    since: datetime
    until: datetime | None


_NAMES = (
    *("memory", "position", "person", "origin", "character", "channel", "guild", "venue", "reach", "at", "until", "model", "cost"),
    *("corrected", "locked", "archived", "generation"),
)
_COLUMNS = f"{', '.join(_NAMES)}, subject, event_id, event_type, schema_version, sealed"


async def of_person(
    connection: AsyncConnection,
    vault: Vault,
    person: int | None,
    *,
    character: UUID | None = None,
    memory: UUID | None = None,
    limit: int = 1000,
    schema: str = "memory",
) -> list[Note]:
    """A person's memories, or everybody's, the latest first; what was forgotten is not there. With `memory` only that one."""
    statement = f"""
    SELECT {_COLUMNS}, {HIDDEN} AS hidden, {TAKEN_BACK} AS taken_back, {REPLACED} AS replaced, {ENDED} AS ended
    FROM memory.notes n
    WHERE NOT gone AND (%(person)s::bigint IS NULL OR person = %(person)s) AND (%(character)s::uuid IS NULL OR character = %(character)s)
      AND (%(memory)s::uuid IS NULL OR n.memory = %(memory)s)
    ORDER BY noted DESC LIMIT %(limit)s
    """
    statement = statement.replace(" memory.", " {schema}.")
    async with connection.cursor(row_factory=dict_row) as cursor:
        wanted = {"person": person, "character": character, "memory": memory, "limit": limit, "reader": None, "at": clock.now()}
        await cursor.execute(sql(statement, schema), wanted)
        rows = await cursor.fetchall()
    keys = await vault.keys({row["subject"] for row in rows})
    return [_opened(row, keys) for row in rows]


def _opened(row: Mapping[str, Any], keys: Mapping[str, DataKey]) -> Note:
    more = {name: row[name] for name in ("hidden", "taken_back", "replaced", "ended")}
    if row["taken_back"]:
        return Note(**{name: row[name] for name in _NAMES}, **more, text=WITHHELD)
    key = keys.get(row["subject"])
    fields = {} if key is None else open_fields(row["sealed"], key, row["event_id"], row["event_type"], row["schema_version"])
    entities = tuple(fields.get("entities", ()))
    return Note(**{name: row[name] for name in _NAMES}, **more, text=fields.get("text", ERASED), entities=entities)


_BEYOND = f"""
SELECT memory FROM (
    SELECT n.memory, n.person, n.locked, n.noted, row_number() OVER (
        PARTITION BY n.person ORDER BY n.locked DESC, {HIDDEN} OR {TAKEN_BACK}, n.corrected DESC, n.origin = 'manual' DESC, n.salience DESC,
        n.noted DESC) AS place
    FROM memory.notes n
    WHERE {{counted}} AND n.person IN (SELECT n.person FROM memory.notes n WHERE {{counted}} GROUP BY n.person HAVING count(*) > %(most)s)
) AS ranked WHERE place > %(most)s AND NOT locked ORDER BY person, noted LIMIT %(limit)s
"""
# Summaries are of channels, and what another generation made is not met.
_COUNTED = """
NOT n.gone AND NOT n.archived AND n.origin NOT IN ('summary', 'relationship') AND (n.origin <> 'fact' OR n.corrected OR n.locked
    OR n.generation = coalesce((SELECT g.generation FROM memory.generations g WHERE g.kind = 'summary'), ''))
"""


async def beyond(connection: AsyncConnection, most: int, *, limit: int) -> Sequence[UUID]:
    """Of people with more than so many notes the least valuable: hidden ones first, what people wrote or corrected last, no locked one."""
    statement = _BEYOND.replace("{counted}", _COUNTED)
    cursor = await connection.execute(sql(statement, ""), {"most": most, "limit": limit, "reader": None})
    return [memory for (memory,) in await cursor.fetchall()]


async def counts(connection: AsyncConnection, person: int) -> tuple[int, int]:
    """How many notes a person has, and how many of them are put aside."""
    statement = "SELECT count(*), count(*) FILTER (WHERE archived) FROM memory.notes WHERE NOT gone AND person = %s"
    row = await (await connection.execute(sql(statement, ""), (person,))).fetchone()
    return (row[0], row[1]) if row else (0, 0)


async def read_on(connection: AsyncConnection, day: datetime, generation: str | None = None) -> Mapping[int, int]:
    """How often a model read what each person said on a day (UTC), given by any moment of it, for a generation of summaries or for all."""
    statement = """
    SELECT one, count(*) FROM (
        SELECT people, at, generation FROM memory.notes WHERE origin IN ('summary', 'relationship')
        UNION ALL SELECT people, at, generation FROM memory.extractions
        UNION ALL SELECT ARRAY[person], at, coalesce(%(generation)s::text, '') FROM memory.dreams WHERE why = 'reflection'
    ) AS n CROSS JOIN unnest(n.people) AS one
    WHERE date_trunc('day', n.at, 'UTC') = date_trunc('day', %(day)s::timestamptz, 'UTC')
      AND (%(generation)s::text IS NULL OR n.generation = %(generation)s) GROUP BY one
    """
    cursor = await connection.execute(sql(statement, ""), {"day": day, "generation": generation})
    return {int(person): int(times) for person, times in await cursor.fetchall()}


async def sources(connection: AsyncConnection, memory: UUID) -> list[NoteSource]:
    """What a memory was made of, in order."""
    statement = """
    SELECT s.message_id, s.turn, s.of_memory, coalesce(m.position, t.position) AS position FROM memory.sources s
    LEFT JOIN history.entries m ON m.message_id = s.message_id LEFT JOIN history.entries t ON t.turn = s.turn
    WHERE s.memory = %s AND NOT s.replaced ORDER BY s.number
    """
    async with connection.cursor(row_factory=class_row(NoteSource)) as cursor:
        await cursor.execute(sql(statement, ""), (memory,))
        return await cursor.fetchall()


async def sessions(connection: AsyncConnection, person: int, at: datetime) -> Sequence[RunningSession]:
    """Those of a person's sessions that run at a moment, in one query however many there are."""
    statement = """
    SELECT kind, character, since, until FROM memory.sessions
    WHERE person = %(person)s AND since <= %(at)s AND %(at)s < least(until, ended, 'infinity') ORDER BY since
    """
    async with connection.cursor(row_factory=class_row(RunningSession)) as cursor:
        await cursor.execute(sql(statement, ""), {"person": person, "at": at})
        return await cursor.fetchall()


async def choice(connection: AsyncConnection, person: int) -> tuple[str, bool]:
    """How far a person's words are remembered, and whether anything is made of them."""
    row = await (await connection.execute(sql("SELECT reach, derive FROM memory.choices WHERE person = %s", ""), (person,))).fetchone()
    return (row[0], row[1]) if row else ("channel", True)


@dataclass(frozen=True, slots=True)
class StandingFact:
    """A fact of a person that holds; `position` is that of the event that noted it. `by_hand`: its person corrected or locked it."""

    memory: UUID
    position: int
    person: int
    at: datetime
    by_hand: bool


async def standing(connection: AsyncConnection, people: Sequence[int], generation: str, limit: int) -> Sequence[StandingFact]:
    """What a generation holds as facts of these people, or their own hand is on, wherever they said it, the newest first."""
    statement = f"""
    SELECT n.memory, n.noted AS position, n.person, n.at, n.corrected OR n.locked AS by_hand FROM memory.notes n
    WHERE n.origin = 'fact' AND n.person = ANY(%(people)s) AND NOT n.gone AND NOT n.archived
      AND (n.generation = %(generation)s OR n.corrected OR n.locked) AND NOT {TAKEN_BACK}
    ORDER BY n.noted DESC LIMIT %(limit)s
    """
    async with connection.cursor(row_factory=class_row(StandingFact)) as cursor:
        wanted = {"people": list(people), "generation": generation, "limit": limit, "reader": None}
        await cursor.execute(sql(statement, ""), wanted)
        return await cursor.fetchall()


@dataclass(frozen=True, slots=True)
class VerbatimNote:
    """A memory that another program kept word for word."""

    memory: UUID
    position: int
    person: int
    character: UUID | None
    channel: int | None
    guild: int | None
    venue: str
    reach: str
    at: datetime

    @property
    def scope(self) -> tuple[object, ...]:
        """Who meets it where."""
        return self.person, self.character, self.channel, self.guild, self.venue, self.reach


async def verbatim(connection: AsyncConnection) -> Sequence[VerbatimNote]:
    """Those of all people who do not want that nothing is made of their words, as they were noted; what a person corrected is not there."""
    statement = """
    SELECT memory, position, person, character, channel, guild, venue, reach, at FROM memory.notes n
    WHERE origin = 'verbatim' AND NOT gone AND NOT archived AND NOT corrected
      AND NOT EXISTS (SELECT 1 FROM memory.choices c WHERE c.person = n.person AND NOT c.derive)
    ORDER BY noted
    """
    async with connection.cursor(row_factory=class_row(VerbatimNote)) as cursor:
        await cursor.execute(sql(statement, ""))
        return await cursor.fetchall()


async def extracted(connection: AsyncConnection, channel: int, generation: str) -> frozenset[str]:
    """The groups of a channel that were read for facts."""
    statement = "SELECT grp FROM memory.extractions WHERE channel = %s AND generation = %s"
    return frozenset(group for (group,) in await (await connection.execute(sql(statement, ""), (channel, generation))).fetchall())


async def facts(connection: AsyncConnection, generation: str, least: int) -> Sequence[tuple[int, int, int]]:
    """People and channels of which a generation has at least so many facts, with how many."""
    statement = """
    SELECT person, channel, count(*) FROM memory.notes
    WHERE origin = 'fact' AND NOT gone AND channel IS NOT NULL AND generation = %s GROUP BY 1, 2 HAVING count(*) >= %s ORDER BY 1, 2
    """
    return await (await connection.execute(sql(statement, ""), (generation, least))).fetchall()


async def texts(connection: AsyncConnection, vault: Vault, memories: Sequence[UUID]) -> Mapping[UUID, str]:
    """What those of these memories say that stand for all."""
    statement = f"""
    SELECT {_COLUMNS}, false AS hidden, {TAKEN_BACK} AS taken_back, false AS replaced, false AS ended FROM memory.notes n
    WHERE NOT gone AND n.memory = ANY(%(memories)s)
    """
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql(statement, ""), {"memories": list(memories), "reader": None})
        rows = await cursor.fetchall()
    keys = await vault.keys({row["subject"] for row in rows})
    return {row["memory"]: _opened(row, keys).text for row in rows if not row["taken_back"]}
