"""Vectors of memories in pgvector: kept so that no text is embedded twice, searched when no hot index is at hand.

Rows belong to one (persona, character) and are only ever read through it: the scope stands in every WHERE, and the primary key begins
with it, so a search reads that scope's rows and no others. There is no approximate index on purpose: with a filter this narrow the
exact order over one scope's rows is faster than an approximate one over everybody's (docs/memory.md has the figures).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from psycopg import AsyncConnection

DIMS: Final = 384


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose memories. `character` "" stands for memories that all characters share."""

    persona: str
    character: str = ""


@dataclass(frozen=True, slots=True)
class VectorRow:
    """One passage of one memory as `model` embedded it: `vector` of DIMS numbers; the token parts as bytes (int32, int8, float32)."""

    memory: str
    part: int
    text_hash: bytes
    vector: Sequence[float]
    token_ids: bytes = b""
    tokens: bytes = b""
    scales: bytes = b""


@dataclass(frozen=True, slots=True)
class Near:
    """A memory and the cosine of its nearest passage."""

    memory: str
    cosine: float


def text_hash(text: str) -> bytes:
    """What tells whether a stored vector is still that of its text."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


PUT: Final = """
    INSERT INTO memory_vectors (persona, character, memory, part, model, text_hash, vector, token_ids, tokens, scales)
    VALUES (%s, %s, %s, %s, %s, %s, %s::vector, %s, %s, %s)
    ON CONFLICT (persona, character, model, memory, part) DO UPDATE
    SET text_hash = excluded.text_hash, vector = excluded.vector, token_ids = excluded.token_ids, tokens = excluded.tokens,
        scales = excluded.scales, embedded_at = now()
"""
TRIM: Final = "DELETE FROM memory_vectors WHERE persona = %s AND character = %s AND model = %s AND memory = %s AND part >= %s"
ALL: Final = """
    SELECT memory, part, text_hash, vector::text, token_ids, tokens, scales FROM memory_vectors
    WHERE persona = %s AND character = %s AND model = %s ORDER BY memory, part
"""
NEAREST: Final = """
    SELECT memory, 1 - min(distance) AS cosine FROM (
        SELECT memory, vector <=> %s::vector AS distance FROM memory_vectors
        WHERE persona = %s AND character = %s AND model = %s AND NOT memory = ANY(%s)
    ) AS passages
    GROUP BY memory ORDER BY min(distance), memory LIMIT %s
"""
FORGET: Final = "DELETE FROM memory_vectors WHERE memory = ANY(%s)"
FORGET_SCOPE: Final = "DELETE FROM memory_vectors WHERE persona = %s"


def _literal(vector: Sequence[float]) -> str:
    return "[" + ",".join(format(float(value), ".9g") for value in vector) + "]"


async def put(connection: AsyncConnection, scope: Scope, model: str, memory: str, rows: Sequence[VectorRow]) -> None:
    """Store the passages of one memory in place of what was stored of it. In the caller's transaction."""
    values = [
        (
            scope.persona,
            scope.character,
            memory,
            row.part,
            model,
            row.text_hash,
            _literal(row.vector),
            row.token_ids,
            row.tokens,
            row.scales,
        )
        for row in rows
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(PUT, values)
        await cursor.execute(TRIM, (scope.persona, scope.character, model, memory, len(rows)))


async def load(connection: AsyncConnection, scope: Scope, model: str) -> list[VectorRow]:
    """Everything of one scope and model, in order of memory and part: what the hot index is rebuilt from."""
    cursor = await connection.execute(ALL, (scope.persona, scope.character, model))
    return [
        VectorRow(memory, part, bytes(digest), _numbers(vector), bytes(ids), bytes(tokens), bytes(scales))
        for memory, part, digest, vector, ids, tokens, scales in await cursor.fetchall()
    ]


def _numbers(literal: str) -> list[float]:
    return [float(value) for value in literal.strip("[]").split(",")]


async def nearest(
    connection: AsyncConnection, scope: Scope, model: str, question: Sequence[float], k: int = 10, without: Iterable[str] = ()
) -> list[Near]:
    """The memories of one scope nearest to a question's vector, `without` some (forgotten, denied): the fallback ranking, exact."""
    cursor = await connection.execute(NEAREST, (_literal(question), scope.persona, scope.character, model, list(without), k))
    return [Near(memory, float(cosine)) for memory, cosine in await cursor.fetchall()]


async def forget(connection: AsyncConnection, memories: Iterable[str]) -> int:
    """Remove memories from every scope and model; returns the number of rows that went."""
    cursor = await connection.execute(FORGET, (list(memories),))
    return cursor.rowcount


async def forget_persona(connection: AsyncConnection, persona: str) -> int:
    """Remove everything of a persona."""
    cursor = await connection.execute(FORGET_SCOPE, (persona,))
    return cursor.rowcount
