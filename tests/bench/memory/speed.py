"""How fast recall is, and what it holds in memory, beside pgvector with the same vectors."""

import asyncio
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import psutil
import psycopg
from numpy.typing import NDArray
from pgvector.psycopg import register_vector_async

from engine import embedded
from tests.bench.memory import generated
from tests.bench.memory.measure import percentile
from worker.memory.ask import Query
from worker.memory.embed import Embedded, OnnxEmbedder
from worker.memory.engine import Engine
from worker.memory.index import Index, Prepared

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Known:
    """Answers with embeddings that were made before: what is left of a recall is scoring."""

    name: str
    made: Mapping[str, Embedded]

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        return [self.made[text] for text in texts]


Vectors = NDArray[np.float32]

TENANTS: Final = 10
"""Personas whose vectors share the table; the one asked about holds as many as the index does."""
CHANGES: Final = 200


def report(count: int, asked: int, embedder: OnnxEmbedder, with_postgres: bool, say: Say) -> dict[str, object]:
    """The figures that `tzurot bench recall` prints. Times in milliseconds, sizes in bytes."""
    engine = Engine(embedder)
    memories = list(generated.memories(count))
    say(f"embedding {count} generated memories")
    start = time.perf_counter()
    prepared = [engine.prepare(memory) for memory in memories]
    embedding = time.perf_counter() - start
    gc.collect()
    index, building = _build(prepared)
    say(f"asking {asked} questions")
    questions = list(generated.questions(asked + 20))
    for text in questions[:20]:
        engine.recall(index, Query(text))
    cpu = [_milliseconds(lambda text=text: engine.recall(index, Query(text)), time.process_time) for text in questions[20:]]  # type: ignore[misc]  # bound now
    whole = [_milliseconds(lambda text=text: engine.recall(index, Query(text))) for text in questions[20:]]  # type: ignore[misc]  # bound now
    alone = [_milliseconds(lambda text=text: embedder.embed([text])) for text in questions[20:]]  # type: ignore[misc]  # bound now
    known = Engine(_Known(embedder.name, {text: embedder.embed([text])[0] for text in questions[20:]}))
    scoring = [_milliseconds(lambda text=text: known.recall(index, Query(text))) for text in questions[20:]]  # type: ignore[misc]  # bound now
    found: dict[str, object] = {
        "memories": count,
        "questions": asked,
        "p50_ms": percentile(whole, 50),
        "p95_ms": percentile(whole, 95),
        "cpu_p50_ms": percentile(cpu, 50),
        "cpu_p95_ms": percentile(cpu, 95),
        "embedding_p50_ms": percentile(alone, 50),
        "embedding_p95_ms": percentile(alone, 95),
        "scoring_p50_ms": percentile(scoring, 50),
        "build_seconds": round(building, 3),
        "embedding_seconds": round(embedding, 1),
        "change_p50_ms": percentile(_changes(index, prepared[:CHANGES]), 50),
        "recall_after_change_p50_ms": percentile(_after_change(engine, index, prepared, questions), 50),
        "bytes_per_memory": round(size(index) / count),
        "rss_bytes": psutil.Process().memory_info().rss,
    }
    if with_postgres:
        say(f"pgvector: {count} vectors of {TENANTS} tenants each")
        found["pgvector"] = asyncio.run(_pgvector(index, embedder, questions[20:120]))
    return found


def _build(prepared: Sequence[Prepared]) -> tuple[Index, float]:
    index = Index()
    start = time.perf_counter()
    for one in prepared:
        index.add(one)
    return index, time.perf_counter() - start


def _milliseconds(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """By the wall's clock, or by the process's own: the second does not see what else the machine is doing."""
    start = clock()
    call()
    return (clock() - start) * 1000


def _changes(index: Index, prepared: Sequence[Prepared]) -> list[float]:
    """An edit of one memory: out and in again."""
    return [_milliseconds(lambda one=one: index.add(one)) for one in prepared]  # type: ignore[misc]  # bound now


def _after_change(engine: Engine, index: Index, prepared: Sequence[Prepared], questions: Sequence[str]) -> list[float]:
    """The first question after a change pays for the order in time."""
    found = []
    for one, text in zip(prepared[:20], questions[:20], strict=True):
        index.add(one)
        found.append(_milliseconds(lambda text=text: engine.recall(index, Query(text))))  # type: ignore[misc]  # bound now
    return found


def size(index: Index) -> int:
    """Bytes of the arrays and postings of an index, as counted, not sampled: dict entries at 100 bytes, objects of a row at 400."""
    slots, tokens, columns = index.slots, index.slots.tokens, index.slots.vectors.columns
    arrays: list[NDArray[Any]] = [slots.lengths, slots.traits, slots.times, slots.speakers, slots.threads]
    arrays += [slots.vectors.squares, slots.vectors.held, tokens.codes, tokens.scales, tokens.ids, tokens.starts, tokens.sizes]
    total = sum(array.nbytes for array in arrays) + (0 if columns is None else columns.nbytes)
    for row in index.rows.values():
        total += 400 + 100 * len(row.terms) * 2 + 72 * len(row.spans) + 60 * len(row.entities)
    return total + 200 * len(index.entries)


_TABLE = "CREATE TABLE vectors (tenant integer NOT NULL, place integer NOT NULL, vector vector({dims}) NOT NULL)"
_FIND = "SELECT place FROM vectors WHERE tenant = %s ORDER BY vector <=> %s LIMIT 10"


async def _pgvector(index: Index, embedder: OnnxEmbedder, questions: Sequence[str]) -> dict[str, object]:
    """Exact scan and HNSW, both filtered by tenant, with questions embedded beforehand."""
    vectors = np.stack([index.slots.vectors.get(slot) for slot in sorted(index.rows)])
    asked = [one.vector for one in embedder.embed(questions)]
    async with embedded.temporary_postgres(durable=False) as server, await psycopg.AsyncConnection.connect(server.admin_dsn) as connection:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        await register_vector_async(connection)
        await connection.execute(_TABLE.format(dims=vectors.shape[1]))
        await _copy(connection, vectors)
        await connection.execute("CREATE INDEX tenants ON vectors (tenant)")
        await connection.execute("ANALYZE vectors")
        exact, best = await _timed(connection, asked)
        await connection.execute("SET maintenance_work_mem = '512MB'")
        start = time.perf_counter()
        await connection.execute("CREATE INDEX near ON vectors USING hnsw (vector vector_cosine_ops)")
        building = time.perf_counter() - start
        await connection.execute("DROP INDEX tenants")
        await connection.execute("SET hnsw.iterative_scan = strict_order")
        hnsw, near = await _timed(connection, asked)
    overlap = float(np.mean([len(set(a) & set(b)) / max(len(a), 1) for a, b in zip(best, near, strict=True)]))
    return {
        "exact": {"p50_ms": percentile(exact, 50), "p95_ms": percentile(exact, 95)},
        "hnsw": {
            "p50_ms": percentile(hnsw, 50),
            "p95_ms": percentile(hnsw, 95),
            "of_exact": round(overlap, 3),
            "build_seconds": round(building, 1),
        },
        "rows": len(vectors) * TENANTS,
    }


async def _copy(connection: psycopg.AsyncConnection, vectors: Vectors) -> None:
    """Tenant 0 holds the vectors themselves, the others the same ones with noise."""
    rng = np.random.default_rng(3)
    async with connection.cursor().copy("COPY vectors FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "int4", "vector"])
        for tenant in range(TENANTS):
            noise = rng.normal(0, 0.02, vectors.shape).astype(np.float32) if tenant else np.zeros_like(vectors)
            for place, vector in enumerate(vectors + noise):
                await copy.write_row((tenant, place, vector))


async def _timed(connection: psycopg.AsyncConnection, asked: Sequence[Vectors]) -> tuple[list[float], list[list[int]]]:
    times, found = [], []
    for vector in [asked[0], *asked]:
        start = time.perf_counter()
        cursor = await connection.execute(_FIND, (0, vector))
        rows = await cursor.fetchall()
        times.append((time.perf_counter() - start) * 1000)
        found.append([int(row[0]) for row in rows])
    return times[1:], found[1:]
