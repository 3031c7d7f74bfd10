"""First words and names for lists: of messages by their ids, and of people by the last message they were answered. Owns no table."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from engine.store.codec import ERASED, open_fields
from engine.vault import Vault

_SEALED = "e.subject, e.event_id, e.event_type, e.schema_version, e.sealed, e.edit_id, e.edit_schema_version, e.edit_sealed"
_PEOPLE = f"""
SELECT t.user_id, {_SEALED}
FROM unnest(%s::bigint[]) AS wanted(user_id)
CROSS JOIN LATERAL (SELECT user_id, message_id FROM turns.turns WHERE user_id = wanted.user_id ORDER BY position DESC LIMIT 1) AS t
JOIN history.entries e ON e.message_id = t.message_id
"""
_KNOWN = """
WITH RECURSIVE hop(user_id) AS (
    (SELECT user_id FROM turns.turns ORDER BY user_id LIMIT 1)
    UNION ALL
    SELECT (SELECT user_id FROM turns.turns WHERE user_id > hop.user_id ORDER BY user_id LIMIT 1) FROM hop WHERE hop.user_id IS NOT NULL
)
SELECT user_id FROM hop WHERE user_id IS NOT NULL LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class SaidWords:
    """What a message says and who said it, opened; both say so when they were erased."""

    author_name: str
    text: str


async def of_messages(connection: AsyncConnection, vault: Vault, messages: Collection[int]) -> dict[int, SaidWords]:
    """The words of messages that people wrote, by their ids. Those that are not known are left out."""
    statement = f"SELECT e.message_id, {_SEALED} FROM history.entries e WHERE e.message_id = ANY(%s)"
    cursor = await connection.execute(statement.encode(), (list(messages),), binary=True)
    return await _opened(vault, await cursor.fetchall())


async def names(connection: AsyncConnection, vault: Vault, people: Collection[int]) -> dict[int, str]:
    """What people called themselves in the last message that a character answered. Those never answered are left out."""
    cursor = await connection.execute(_PEOPLE.encode(), (list(people),), binary=True)
    return {person: words.author_name for person, words in (await _opened(vault, await cursor.fetchall())).items()}


async def known_people(connection: AsyncConnection, vault: Vault, *, limit: int = 200) -> dict[int, str]:
    """People whom a character has answered, with their names: at most `limit`, by hopping from one to the next in an index."""
    found = await (await connection.execute(_KNOWN.encode(), (limit,))).fetchall()
    return await names(connection, vault, [row[0] for row in found])


async def _opened(vault: Vault, rows: list[Any]) -> dict[int, SaidWords]:
    keys = await vault.keys({row[1] for row in rows})
    found: dict[int, SaidWords] = {}
    for key, subject, event_id, type_, version, sealed, edit_id, edit_version, edit_sealed in rows:
        if (data_key := keys.get(subject)) is None:
            found[key] = SaidWords(ERASED, ERASED)
            continue
        fields = open_fields(sealed, data_key, event_id, type_, version)
        if edit_sealed is not None:
            fields |= open_fields(edit_sealed, data_key, edit_id, "message.edited", edit_version or 1)
        found[key] = SaidWords(str(fields.get("author_name", "")), str(fields.get("text", "")))
    return found
