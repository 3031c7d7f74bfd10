"""What is measured against each other. Every contender takes prepared work and returns its rate and latencies; preparing is not timed."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from engine.store import Log, NewEvent
from tests.bench.append.load import messages

_INSERT = (
    "INSERT INTO plain (position, occurred_at, event_id, version, schema_version, stream, type, correlation, guild, channel, user_id,"
    " subject, data, sealed)"
    " VALUES (nextval('plain_position'), now(), %s, %s, 1, %s, 'message.received', NULL, %s, %s, %s, %s, %s, %s)"
)
_COPY = (
    "COPY plain (position, occurred_at, event_id, version, schema_version, stream, type, guild, channel, user_id, subject, data, sealed)"
    " FROM STDIN (FORMAT binary)"
)
_COPY_TYPES = ("int8", "timestamptz", "uuid", "int4", "int2", "text", "text", "int8", "int8", "int8", "text", "bytea", "bytea")
COPY_BATCH = 10_000
CONNECTIONS = 64

PLAIN_TABLE = """
DROP TABLE IF EXISTS plain;
CREATE TABLE plain (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE);
CREATE SEQUENCE IF NOT EXISTS plain_position;
"""
"""The log's own columns and indexes, without head, order, idempotency by the program or seals."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: events a second and latencies of single appends in milliseconds, sorted."""

    events_per_s: float
    latencies: tuple[float, ...]

    def quantile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] if self.latencies else 0.0


async def ours(log: Log, work: Sequence[Sequence[NewEvent]]) -> Run:
    """`Log.append` of one event at a time by each producer: encoded, sealed, tagged, versioned, idempotent, durable."""
    latencies: list[float] = []

    async def produce(events: Sequence[NewEvent]) -> None:
        for new in events:
            began = time.perf_counter()
            await log.append(new)
            latencies.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*(produce(events) for events in work))
    return Run(len(latencies) / (time.perf_counter() - began), tuple(sorted(latencies)))


class Message(Aggregate):
    """The same message as an aggregate of `eventsourcing`."""

    @event("Received")
    def __init__(self, channel: int, author: int, author_name: str, text: str) -> None:
        self.channel, self.author, self.author_name, self.text = channel, author, author_name, text


class Chat(Application[UUID]):
    """An ordinary application of the library."""


def environment(dsn: str) -> dict[str, str]:
    """The library's settings for a database of ours."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts.path.lstrip("/"),
        "POSTGRES_HOST": query.get("host", [parts.hostname or ""])[0],
        "POSTGRES_PORT": query.get("port", [str(parts.port or 5432)])[0],
        "POSTGRES_USER": parts.username or "",
        "POSTGRES_PASSWORD": parts.password or "",
        "POSTGRES_POOL_SIZE": "20",
        "POSTGRES_MAX_OVERFLOW": "60",
        "POSTGRES_MAX_WAITING": "1000",
    }


def application_save(app: Chat, producers: int, each: int) -> Run:
    """`Application.save` of one new aggregate at a time by each thread, as the library is used."""
    work = [[Message(p, n, "Somebody", "The tavern keeper wipes a mug. " * 8) for n in range(each)] for p in range(producers)]
    latencies: list[float] = []

    def produce(aggregates: Sequence[Message]) -> None:
        for aggregate in aggregates:
            began = time.perf_counter()
            app.save(aggregate)
            latencies.append((time.perf_counter() - began) * 1000)

    with ThreadPoolExecutor(producers) as threads:
        began = time.perf_counter()
        list(threads.map(produce, work))
        return Run(len(latencies) / (time.perf_counter() - began), tuple(sorted(latencies)))


async def insert(dsn: str, producers: int, each: int, first: int) -> Run:
    """One INSERT per commit, prepared, on a connection per producer (at most 64)."""
    connections = [await psycopg.AsyncConnection.connect(dsn, autocommit=True) for _ in range(min(producers, CONNECTIONS))]
    rows = [[plain_row(new, n) for n, new in enumerate(events)] for events in messages(len(connections), each, first)]
    latencies: list[float] = []

    async def produce(connection: psycopg.AsyncConnection, rows: Sequence[tuple[object, ...]]) -> None:
        cursor = connection.cursor()
        for row in rows:
            began = time.perf_counter()
            await cursor.execute(_INSERT, row, prepare=True)
            latencies.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*(produce(c, r) for c, r in zip(connections, rows, strict=True)))
    run = Run(len(latencies) / (time.perf_counter() - began), tuple(sorted(latencies)))
    for connection in connections:
        await connection.close()
    return run


def plain_row(new: NewEvent, version: int) -> tuple[object, ...]:
    """What a bare INSERT is given: everything is encoded already, nothing is sealed."""
    tags = new.tags
    return (
        new.id,
        version + 1,
        f"{new.stream}:{new.id.hex[:6]}",
        tags.guild,
        tags.channel,
        tags.user,
        "+".join(new.subjects) or None,
        b"c" * 288,
        b"s" * 340,
    )


async def copy(dsn: str, events: int, first: int) -> Run:
    """COPY of prepared binary rows, 10,000 a transaction, into the log's columns and indexes: what Postgres can take."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        blocks = [await _block(connection, first + at) for at in range(0, events, COPY_BATCH)]
        began = time.perf_counter()
        for block in blocks:
            async with connection.cursor() as cursor, cursor.copy(_COPY) as out:
                await out.write(block)
        return Run(events / (time.perf_counter() - began), ())


async def _block(connection: psycopg.AsyncConnection, first: int) -> bytes:
    """The bytes of one COPY, produced by the server itself from a temporary copy of the rows."""
    rows = [plain_row(new, n) for n, new in enumerate(messages(1, COPY_BATCH, first)[0])]
    await connection.execute("CREATE TEMP TABLE IF NOT EXISTS stage (LIKE plain INCLUDING DEFAULTS); ")
    await connection.execute("TRUNCATE stage")
    async with connection.cursor() as cursor:
        await cursor.executemany(_INSERT.replace("INTO plain", "INTO stage"), rows)
        columns = _COPY.split("(", 1)[1].split(")")[0]
        async with cursor.copy(f"COPY stage ({columns}) TO STDOUT (FORMAT binary)") as out:
            return b"".join([bytes(piece) async for piece in out])
