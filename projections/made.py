"""Files that were made for replies and stand below them, as pages show them. Read from the log: of clear fields, stream by stream."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from psycopg import AsyncConnection

_MADE = b"""
SELECT (d.made ->> 'turn_id')::uuid, d.made ->> 'kind', d.made ->> 'file', d.made ->> 'media_type'
FROM events e CROSS JOIN LATERAL (SELECT convert_from(e.data, 'UTF8')::json AS made) AS d
WHERE e.stream = ANY(%s) AND e.type = 'reply.file_made' AND EXISTS (
    SELECT 1 FROM events s WHERE s.stream = e.stream AND s.type = 'reply.file_shown'
    AND convert_from(s.data, 'UTF8')::json ->> 'file_id' = d.made ->> 'file_id')
ORDER BY e.position
"""


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file below a reply: what it is, and the address of its bytes."""

    kind: Literal["speech", "picture"]
    address: str
    media_type: str


async def below(connection: AsyncConnection, turns: Collection[UUID]) -> dict[UUID, tuple[MadeFile, ...]]:
    """Turn -> the files that were made for its answer and were shown, in the order they came."""
    found: dict[UUID, tuple[MadeFile, ...]] = {}
    if not turns:
        return found
    for turn, kind, address, media_type in await (await connection.execute(_MADE, ([f"delivery:{one}" for one in turns],))).fetchall():
        found[turn] = (*found.get(turn, ()), MadeFile(kind, address, media_type))
    return found
