"""Which rows of the log an archive holds: everything, a server's, or a person's."""

from collections.abc import AsyncGenerator, Sequence
from itertools import batched

from psycopg import AsyncConnection

from engine import subjects
from engine.archive.container import Scope
from engine.store import Log, Stored
from engine.store.reader import at

PAGE = 500
OWN = (
    "message.",
    "turn.",
    "reply.",
    "reaction.",
    "character.",
    "preset.",
    "claim.",
    "profile.",
    "persona.",
    "note.",
    "notebook.",
    "lorebook.",
    "memory.",
    "channel.",
    "conversation.",
    "chat.",
    "scene.",
    "scripts.",
)
"""What belongs to a person, by the beginnings of types. Jobs, keys, limits and what moderators decided are of this installation."""
NOT_OWN = frozenset(
    {
        *("turn.generation_started", "turn.tools_called", "turn.tool_begun", "turn.tool_answered"),
        *("reply.stream_intended", "reply.stream_shown", "memory.generation_chosen"),
    }
)
"""Records of prompts name positions of this log, and drafts are over."""

_OF_PERSON = """
WITH own AS (
    SELECT DISTINCT stream, substr(stream, strpos(stream, ':') + 1) AS thing FROM events
    WHERE type IN ('character.created', 'preset.created', 'persona.created', 'lorebook.created', 'memory.noted') AND user_id = %(about)s
)
SELECT position FROM events
WHERE user_id = %(about)s OR string_to_array(subject, '+') && %(names)s::text[] OR stream IN (SELECT stream FROM own)
   OR CASE WHEN type IN ('claim.made', 'claim.released') THEN convert_from(data, 'UTF8')::json ->> 'holder' END IN (SELECT thing FROM own)
   OR CASE WHEN type IN ('chat.deleted', 'chat.restored', 'scene.presence_marked', 'scene.narrator_chosen')
           THEN convert_from(data, 'UTF8')::json ->> 'by_user_id' END = %(about)s::text
ORDER BY position
"""
_OF_SERVER = """
WITH there AS (
    SELECT DISTINCT 'character:' || character::text AS stream, character::text AS thing FROM events
    WHERE guild = %(about)s AND character IS NOT NULL
)
SELECT position FROM events
WHERE guild = %(about)s OR stream IN (SELECT stream FROM there)
   OR CASE WHEN type IN ('claim.made', 'claim.released') THEN convert_from(data, 'UTF8')::json ->> 'holder' END IN (SELECT thing FROM there)
   OR stream = 'server:' || %(about)s
ORDER BY position
"""
_EVERYTHING = "SELECT position FROM events WHERE position <= %(head)s ORDER BY position"


async def key_names(connection: AsyncConnection, person: int) -> frozenset[str]:
    """The names of all keys a person ever had."""
    subject = subjects.user_subject(person)
    cursor = await connection.execute(
        "SELECT subject FROM data_keys WHERE subject = %(s)s OR (subject > %(s)s || ':' AND subject < %(s)s || ';')", {"s": subject}
    )
    return frozenset(name for (name,) in await cursor.fetchall()) | {subject}


async def positions(log: Log, scope: Scope, about: int) -> list[int]:
    """The positions of the rows, in order, up to the head of now."""
    head = await log.head()
    if scope == "everything":
        return list(range(1, head + 1))
    async with log.pool.connection() as connection:
        names = sorted(await key_names(connection, about)) if scope == "person" else []
        statement = _OF_PERSON if scope == "person" else _OF_SERVER
        cursor = await connection.execute(statement.encode(), {"about": about, "names": names, "head": head})
        return [position for (position,) in await cursor.fetchall() if position <= head]


async def pages(log: Log, wanted: Sequence[int]) -> AsyncGenerator[list[Stored]]:
    """The rows at these positions, some at a time."""
    for some in batched(wanted, PAGE):
        async with log.pool.connection() as connection:
            rows = await at(connection, some)
        yield rows  # none is held meanwhile: whoever looks at them may need one


def is_own(row: Stored, names: frozenset[str]) -> bool:
    """Whether a row is what a person owns or said, and holds nobody else's words. `names`: those of their keys. Pure."""
    if not row.type.startswith(OWN) or row.type in NOT_OWN:
        return False
    return row.sealed is None or set(subjects.members(row.subject or "")) <= names
