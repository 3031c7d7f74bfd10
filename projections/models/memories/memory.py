"""What is remembered besides what was said, and what is to be remembered no more. What may be met where: memory_scope."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, sql


class Memory(Projection):
    name = "memory"
    version = 6
    types = frozenset(
        {
            "memory.noted",
            "memory.extracted",
            "memory.corrected",
            "memory.locked",
            "memory.forgotten",
            "memory.archived",
            "memory.said_forgotten",
            "memory.span_forgotten",
            "memory.session_started",
            "memory.session_ended",
            "memory.reach_chosen",
            "memory.dreamed",
            "memory.dream_undone",
            "memory.generation_chosen",
        }
    )
    ddl = """
    CREATE TABLE {schema}.notes (
        memory uuid PRIMARY KEY,
        position bigint NOT NULL,
        noted bigint NOT NULL,
        person bigint NOT NULL,
        origin text COLLATE "C" NOT NULL,
        character uuid,
        channel bigint,
        guild bigint,
        venue text NOT NULL,
        reach text NOT NULL,
        said_by bigint,
        by_character uuid,
        people bigint[] NOT NULL,
        salience double precision NOT NULL,
        at timestamptz NOT NULL,
        until timestamptz,
        generation text NOT NULL,
        grp text NOT NULL,
        model text NOT NULL,
        cost double precision,
        corrected boolean NOT NULL DEFAULT false,
        locked boolean NOT NULL DEFAULT false,
        archived boolean NOT NULL DEFAULT false,
        gone boolean NOT NULL DEFAULT false,
        subject text,
        event_id uuid,
        event_type text,
        schema_version integer,
        sealed bytea
    );
    CREATE INDEX ON {schema}.notes (channel, origin, noted) WHERE NOT gone;
    CREATE INDEX ON {schema}.notes (person, noted) WHERE NOT gone;
    CREATE TABLE {schema}.sources (
        memory uuid NOT NULL,
        number integer NOT NULL,
        message_id bigint,
        turn uuid,
        of_memory uuid,
        edit bigint,
        fixed boolean NOT NULL,
        replaced boolean NOT NULL DEFAULT false,
        PRIMARY KEY (memory, number)
    );
    CREATE INDEX ON {schema}.sources (message_id) WHERE message_id IS NOT NULL;
    CREATE INDEX ON {schema}.sources (turn) WHERE turn IS NOT NULL;
    CREATE INDEX ON {schema}.sources (of_memory) WHERE of_memory IS NOT NULL;
    CREATE TABLE {schema}.superseded (
        memory uuid NOT NULL,
        by_memory uuid NOT NULL,
        PRIMARY KEY (memory, by_memory)
    );
    CREATE TABLE {schema}.unsaid (
        position bigint NOT NULL,
        message_id bigint,
        character uuid,
        turn uuid,
        why text COLLATE "C" NOT NULL
    );
    CREATE INDEX ON {schema}.unsaid (message_id);
    CREATE INDEX ON {schema}.unsaid (turn);
    CREATE TABLE {schema}.spans (
        position bigint PRIMARY KEY,
        person bigint NOT NULL,
        character uuid,
        channel bigint,
        since timestamptz NOT NULL,
        until timestamptz NOT NULL
    );
    CREATE INDEX ON {schema}.spans (person);
    CREATE TABLE {schema}.sessions (
        session uuid PRIMARY KEY,
        person bigint NOT NULL,
        kind text COLLATE "C" NOT NULL,
        character uuid,
        since timestamptz NOT NULL,
        until timestamptz,
        ended timestamptz
    );
    CREATE INDEX ON {schema}.sessions (person);
    CREATE TABLE {schema}.choices (
        person bigint PRIMARY KEY,
        reach text NOT NULL,
        derive boolean NOT NULL
    );
    CREATE TABLE {schema}.dreams (
        dream uuid PRIMARY KEY,
        position bigint NOT NULL,
        person bigint NOT NULL,
        character uuid,
        why text NOT NULL,
        at timestamptz NOT NULL,
        undone boolean NOT NULL DEFAULT false
    );
    CREATE INDEX ON {schema}.dreams (person);
    CREATE TABLE {schema}.dreamed (
        dream uuid NOT NULL,
        memory uuid NOT NULL,
        added boolean NOT NULL,
        kept uuid,
        PRIMARY KEY (dream, memory)
    );
    CREATE INDEX ON {schema}.dreamed (memory);
    CREATE TABLE {schema}.extractions (
        extraction uuid PRIMARY KEY,
        position bigint NOT NULL,
        channel bigint NOT NULL,
        people bigint[] NOT NULL,
        at timestamptz NOT NULL,
        generation text COLLATE "C" NOT NULL,
        grp text COLLATE "C" NOT NULL,
        model text NOT NULL,
        cost double precision
    );
    CREATE INDEX ON {schema}.extractions (channel, generation);
    CREATE TABLE {schema}.generations (
        kind text COLLATE "C" PRIMARY KEY,
        generation text NOT NULL,
        before text NOT NULL,
        position bigint NOT NULL
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        async with connection.cursor() as cursor:
            for row in rows:
                values = _values(row)
                for statement in _STATEMENTS[row.type]:
                    await cursor.execute(sql(statement, schema), values)
                if row.type == "memory.noted":
                    await cursor.executemany(sql(_SOURCE, schema), _sources(values))


def _values(row: Stored) -> dict[str, Any]:
    data = clear(row)
    values: dict[str, Any] = data | {"position": row.position, "subject": row.subject, "event_id": row.id, "event_type": row.type}
    values |= {"schema_version": row.schema_version, "sealed": row.sealed}
    for name in ("character_id", "channel_id", "guild_id"):
        values.setdefault(name, None)
    for name in ("since", "until", "at"):
        milliseconds = data.get(f"{name}_ms")
        values[name] = None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    # A memory that does not say when is of when it was noted.
    values["at"] = values["at"] if data.get("at_ms") else row.occurred_at
    return values


def _sources(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [source | {"memory": values["memory_id"], "number": number} for number, source in enumerate(values["sources"])]


_NOTED = """
INSERT INTO {schema}.notes (memory, position, noted, person, origin, character, channel, guild, venue, reach, said_by, by_character, people,
                            salience, at, until, generation, grp, model, cost, subject, event_id, event_type, schema_version, sealed)
VALUES (%(memory_id)s, %(position)s, %(position)s, %(user_id)s, %(origin)s, %(character_id)s, %(channel_id)s, %(guild_id)s, %(venue)s,
        %(reach)s, %(said_by)s, %(by_character)s, %(people)s, %(salience)s, %(at)s, %(until)s, %(generation)s, %(group)s, %(model)s,
        %(cost)s, %(subject)s, %(event_id)s, %(event_type)s, %(schema_version)s, %(sealed)s)
ON CONFLICT (memory) DO NOTHING
"""
_SOURCE = """
INSERT INTO {schema}.sources (memory, number, message_id, turn, of_memory, edit, fixed)
VALUES (%(memory)s, %(number)s, %(message_id)s, %(turn_id)s, %(memory_id)s, %(edit)s, %(fixed)s) ON CONFLICT DO NOTHING
"""
_EXTRACTED = """
INSERT INTO {schema}.extractions (extraction, position, channel, people, at, generation, grp, model, cost)
VALUES (%(extraction_id)s, %(position)s, %(channel_id)s, %(people)s, %(at)s, %(generation)s, %(group)s, %(model)s, %(cost)s)
ON CONFLICT DO NOTHING
"""
_SUPERSEDES = """
INSERT INTO {schema}.superseded (memory, by_memory)
SELECT old, %(memory_id)s::uuid FROM unnest(%(supersedes)s::uuid[]) AS old ON CONFLICT DO NOTHING
"""
# What a memory was made of is not remembered either, and then it stands by itself; what a person's words replaced says only who was there.
_RETIRED = """
INSERT INTO {schema}.unsaid (position, message_id, turn, why)
SELECT %(position)s::bigint, message_id, turn, %(why)s FROM {schema}.sources
WHERE memory = %(memory_id)s AND of_memory IS NULL AND NOT replaced AND %(retires)s::boolean
"""
_CORRECTED = """
UPDATE {schema}.notes SET position = %(position)s, subject = %(subject)s, event_id = %(event_id)s, event_type = %(event_type)s,
    schema_version = %(schema_version)s, sealed = %(sealed)s, corrected = true, archived = false, until = NULL
WHERE memory = %(memory_id)s AND NOT gone
"""
_LOCKED = "UPDATE {schema}.notes SET locked = %(locked)s WHERE memory = %(memory_id)s"
_FORGOTTEN = """
UPDATE {schema}.notes SET gone = true, sealed = NULL, subject = NULL WHERE memory = %(memory_id)s
"""
_ARCHIVED = "UPDATE {schema}.notes SET archived = true WHERE memory = %(memory_id)s"
_UNSAID = """
INSERT INTO {schema}.unsaid (position, message_id, character, why)
VALUES (%(position)s, %(message_id)s, %(character_id)s, 'forgotten')
"""
_SPAN = """
INSERT INTO {schema}.spans (position, person, character, channel, since, until)
VALUES (%(position)s, %(user_id)s, %(character_id)s, %(channel_id)s, %(since)s, %(until)s)
"""
_SPAN_NOTES = """
UPDATE {schema}.notes SET gone = true, sealed = NULL, subject = NULL
WHERE person = %(user_id)s AND origin <> 'summary' AND at BETWEEN %(since)s AND %(until)s AND NOT locked AND position < %(position)s
  AND (%(character_id)s::uuid IS NULL OR character = %(character_id)s) AND (%(channel_id)s::bigint IS NULL OR channel = %(channel_id)s)
"""
_SESSION = """
INSERT INTO {schema}.sessions (session, person, kind, character, since, until)
VALUES (%(session_id)s, %(user_id)s, %(kind)s, %(character_id)s, %(since)s, %(until)s) ON CONFLICT DO NOTHING
"""
_ENDED = "UPDATE {schema}.sessions SET ended = %(at)s WHERE session = %(session_id)s"
_CHOICE = """
INSERT INTO {schema}.choices (person, reach, derive) VALUES (%(user_id)s, %(reach)s, %(derive)s)
ON CONFLICT (person) DO UPDATE SET reach = excluded.reach, derive = excluded.derive
"""
_DREAM = """
INSERT INTO {schema}.dreams (dream, position, person, character, why, at)
VALUES (%(dream_id)s, %(position)s, %(user_id)s, %(character_id)s, %(why)s, %(at)s) ON CONFLICT DO NOTHING
"""
_DREAMED = """
INSERT INTO {schema}.dreamed (dream, memory, added, kept)
SELECT %(dream_id)s::uuid, memory, true, NULL FROM unnest(%(added)s::uuid[]) AS memory
UNION ALL SELECT %(dream_id)s::uuid, memory, false, kept FROM unnest(%(hidden)s::uuid[], %(kept)s::uuid[]) AS pairs (memory, kept)
WHERE memory IS NOT NULL ON CONFLICT DO NOTHING
"""
_UNDONE = "UPDATE {schema}.dreams SET undone = true WHERE dream = %(dream_id)s"
_GENERATION = """
INSERT INTO {schema}.generations (kind, generation, before, position) VALUES (%(kind)s, %(generation)s, %(before)s, %(position)s)
ON CONFLICT (kind) DO UPDATE SET generation = excluded.generation, before = excluded.before, position = excluded.position
"""
_STATEMENTS = {
    "memory.noted": (_NOTED, _SUPERSEDES),
    "memory.extracted": (_EXTRACTED,),
    "memory.corrected": (
        _RETIRED.replace("%(why)s", "'corrected'").replace("%(retires)s::boolean", "true"),
        _CORRECTED,
        "UPDATE {schema}.sources SET replaced = true WHERE memory = %(memory_id)s",
    ),
    "memory.locked": (_LOCKED,),
    "memory.forgotten": (_RETIRED.replace("%(why)s", "'forgotten'"), _FORGOTTEN),
    "memory.archived": (_ARCHIVED,),
    "memory.said_forgotten": (_UNSAID,),
    "memory.span_forgotten": (_SPAN, _SPAN_NOTES),
    "memory.session_started": (_SESSION,),
    "memory.session_ended": (_ENDED,),
    "memory.reach_chosen": (_CHOICE,),
    "memory.dreamed": (_DREAM, _DREAMED),
    "memory.dream_undone": (_UNDONE,),
    "memory.generation_chosen": (_GENERATION,),
}

MEMORY = Memory()
