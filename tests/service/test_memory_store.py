"""Vectors in pgvector: stored once, searched within one scope only, gone when forgotten."""

from collections.abc import AsyncIterator

import numpy as np
import psycopg
import pytest
from psycopg import AsyncConnection

from projections.models import memory_vectors
from projections.models.memory_vectors import DIMS, Near, Scope, VectorRow

ADA, BOB = Scope("ada", "sage"), Scope("bob", "sage")
MODEL = "model-a"


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(dsn) as found:
        yield found


def direction(number: int) -> list[float]:
    """A unit vector of its own."""
    return [float(place == number) for place in range(DIMS)]


def row(memory: str, number: int, part: int = 0) -> VectorRow:
    return VectorRow(memory, part, memory_vectors.text_hash(memory), direction(number), b"ids", b"tokens", b"scales")


async def put(connection: AsyncConnection, scope: Scope, memory: str, *numbers: int, model: str = MODEL) -> None:
    await memory_vectors.put(connection, scope, model, memory, [row(memory, number, part) for part, number in enumerate(numbers)])


async def test_what_was_stored_comes_back_exactly(connection: AsyncConnection) -> None:
    """Vectors survive to the last bit of a float32, and so do the token parts."""
    vector = np.random.default_rng(1).normal(size=DIMS).astype(np.float32)
    stored = VectorRow("m1", 0, memory_vectors.text_hash("x"), vector.tolist(), b"\x00\x01", b"\xff", b"")
    await memory_vectors.put(connection, ADA, MODEL, "m1", [stored])
    (found,) = await memory_vectors.load(connection, ADA, MODEL)
    assert np.array_equal(np.array(found.vector, np.float32), vector)
    assert (found.memory, found.text_hash, found.token_ids, found.tokens, found.scales) == (
        "m1",
        stored.text_hash,
        b"\x00\x01",
        b"\xff",
        b"",
    )


async def test_an_edit_replaces_all_parts(connection: AsyncConnection) -> None:
    """A shorter text leaves no part of the longer one behind."""
    await put(connection, ADA, "m1", 1, 2, 3)
    await put(connection, ADA, "m1", 4)
    assert [(r.part, r.vector) for r in await memory_vectors.load(connection, ADA, MODEL)] == [(0, direction(4))]


async def test_the_nearest_passage_stands_for_its_memory(connection: AsyncConnection) -> None:
    """Each memory once, ordered by cosine, without those that are left out."""
    await put(connection, ADA, "m1", 5, 9)
    await put(connection, ADA, "m2", 7)
    question = (0.8 * np.array(direction(9)) + 0.6 * np.array(direction(7))).tolist()
    found = await memory_vectors.nearest(connection, ADA, MODEL, question)
    assert [one.memory for one in found] == ["m1", "m2"]
    assert [one.cosine for one in found] == pytest.approx([0.8, 0.6], abs=1e-6)
    assert await memory_vectors.nearest(connection, ADA, MODEL, question, without=["m1"]) == [Near("m2", found[1].cosine)]
    assert len(await memory_vectors.nearest(connection, ADA, MODEL, question, k=1)) == 1


async def test_one_persons_memories_never_answer_another(connection: AsyncConnection) -> None:
    """Scope is part of every query: persona, character and model."""
    await put(connection, ADA, "canary", 3)
    await put(connection, BOB, "own", 4)
    await put(connection, Scope("ada", "fool"), "other character", 3)
    await put(connection, ADA, "other model", 3, model="model-b")
    assert [one.memory for one in await memory_vectors.nearest(connection, BOB, MODEL, direction(3))] == ["own"]
    assert [one.memory for one in await memory_vectors.nearest(connection, ADA, MODEL, direction(3))] == ["canary"]
    assert [one.memory for one in await memory_vectors.load(connection, ADA, MODEL)] == ["canary"]


async def test_forgetting_reaches_every_scope_and_model(connection: AsyncConnection) -> None:
    """A forgotten memory has no vector anywhere; a forgotten persona has none at all."""
    await put(connection, ADA, "m1", 1, 2)
    await put(connection, ADA, "m1", 1, model="model-b")
    await put(connection, BOB, "m1", 1)
    await put(connection, ADA, "m2", 2)
    assert await memory_vectors.forget(connection, ["m1", "never there"]) == 4
    assert [one.memory for one in await memory_vectors.load(connection, ADA, MODEL)] == ["m2"]
    assert await memory_vectors.forget_persona(connection, "ada") == 1
    assert await memory_vectors.load(connection, ADA, MODEL) == []


async def plan(connection: AsyncConnection, statement: str, values: tuple[object, ...]) -> str:
    cursor = await connection.execute(f"EXPLAIN (COSTS OFF) {statement}".encode(), values)
    return "\n".join(line for (line,) in await cursor.fetchall())


async def test_every_query_goes_through_an_index(connection: AsyncConnection) -> None:
    """With many tenants in the table no statement reads it whole: the scope leads the primary key, deletions have their own."""
    await connection.execute(
        "INSERT INTO memory_vectors (persona, character, memory, part, model, text_hash, vector, token_ids, tokens, scales)"
        " SELECT 'p' || (n % 400), 'c', 'm' || n, 0, 'model-a', '', array_fill(0.1::real, ARRAY[384])::vector, '', '', ''"
        " FROM generate_series(1, 8000) AS n"
    )
    await connection.execute("ANALYZE memory_vectors")
    literal = "[" + ",".join(["0.1"] * DIMS) + "]"
    statements: list[tuple[str, tuple[object, ...]]] = [
        (memory_vectors.NEAREST, (literal, "p7", "c", MODEL, [], 10)),
        (memory_vectors.ALL, ("p7", "c", MODEL)),
        (memory_vectors.TRIM, ("p7", "c", MODEL, "m7", 1)),
        (memory_vectors.FORGET, (["m7", "m8"],)),
        (memory_vectors.FORGET_SCOPE, ("p7",)),
    ]
    for statement, values in statements:
        found = await plan(connection, statement, values)
        assert "Seq Scan" not in found, found
        assert "Index" in found, found
