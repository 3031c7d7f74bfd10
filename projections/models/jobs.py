"""Every job from request to end: what waits, what runs and how fast, what was given up."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from engine.decide.spending import quota
from engine.store import Stored
from projections.base import Projection, clear, sql


class Jobs(Projection):
    name = "jobs"
    version = 1
    types = frozenset({"job.requested", "job.started", "job.progressed", "job.completed", "job.failed", "job.cancelled"})
    ddl = """
    CREATE TABLE {schema}.jobs (
        job uuid PRIMARY KEY,
        name text COLLATE "C" NOT NULL,
        about text NOT NULL,
        asked_by bigint NOT NULL,
        status text NOT NULL,
        round integer NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        failures integer NOT NULL DEFAULT 0,
        done bigint NOT NULL DEFAULT 0,
        total bigint,
        done_before bigint NOT NULL DEFAULT 0,
        why text,
        result jsonb,
        requested_at timestamptz NOT NULL,
        started_at timestamptz,
        progressed_at timestamptz,
        ended_at timestamptz,
        retry_at timestamptz,
        position bigint NOT NULL
    );
    CREATE INDEX ON {schema}.jobs (name, position) WHERE status IN ('waiting', 'running');
    CREATE INDEX ON {schema}.jobs (position);
    CREATE INDEX ON {schema}.jobs (status, position);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            data = _BLANK | clear(row) | {"at": row.occurred_at, "position": row.position}
            data["result"] = Jsonb(data["result"])
            data["retry"] = None if data["retry_ms"] is None else quota.of_milliseconds(data["retry_ms"])
            await connection.execute(sql(_STATEMENTS[row.type], schema), data)


_BLANK: dict[str, Any] = {"retry_ms": None, "result": None}
_END = "ended_at = %(at)s, retry_at = NULL WHERE job = %(job_id)s"
_STATEMENTS = {
    "job.requested": """
        INSERT INTO {schema}.jobs AS j (job, name, about, asked_by, status, round, requested_at, position)
        VALUES (%(job_id)s, %(name)s, %(about)s, %(asked_by)s, 'waiting', %(round)s, %(at)s, %(position)s)
        ON CONFLICT (job) DO UPDATE SET status = 'waiting', round = excluded.round, failures = 0, why = NULL, retry_at = NULL,
            ended_at = NULL, requested_at = excluded.requested_at, position = excluded.position
    """,
    "job.started": """
        UPDATE {schema}.jobs SET status = 'running', attempts = %(attempt)s, started_at = %(at)s, progressed_at = NULL, done_before = done,
            retry_at = NULL
        WHERE job = %(job_id)s
    """,
    "job.progressed": """
        UPDATE {schema}.jobs SET done = %(done)s, total = %(total)s, progressed_at = %(at)s WHERE job = %(job_id)s
    """,
    "job.completed": "UPDATE {schema}.jobs SET status = 'completed', why = NULL, result = %(result)s, " + _END,
    "job.failed": """
        UPDATE {schema}.jobs SET status = CASE WHEN %(retry)s::timestamptz IS NULL THEN 'dead' ELSE 'waiting' END, why = %(why)s,
            failures = failures + %(counts)s::boolean::int, retry_at = %(retry)s,
            ended_at = CASE WHEN %(retry)s::timestamptz IS NULL THEN %(at)s::timestamptz END
        WHERE job = %(job_id)s
    """,
    "job.cancelled": "UPDATE {schema}.jobs SET status = 'cancelled', " + _END,
}


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `status` is waiting, running, completed, dead or cancelled; `done_before` is what earlier attempts had done."""

    job: UUID
    name: str
    about: str
    asked_by: int
    status: str
    round: int
    attempts: int
    failures: int
    done: int
    total: int | None
    done_before: int
    why: str | None
    result: dict[str, Any] | None
    requested_at: datetime
    started_at: datetime | None
    progressed_at: datetime | None
    ended_at: datetime | None
    retry_at: datetime | None
    position: int

    @property
    def over(self) -> bool:
        return self.status in {"completed", "dead", "cancelled"}

    @property
    def rate(self) -> float | None:
        """Things a second in this attempt; None before its first progress."""
        if self.status != "running" or self.started_at is None or self.progressed_at is None:
            return None
        seconds = (self.progressed_at - self.started_at).total_seconds()
        return (self.done - self.done_before) / seconds if seconds > 0 else None

    @property
    def left(self) -> timedelta | None:
        """How long it still takes at this rate; None when that cannot be told."""
        if not self.rate or self.total is None:
            return None
        return timedelta(seconds=min(max(self.total - self.done, 0) / self.rate, 10 * 365 * 86_400.0))

    @property
    def share(self) -> float | None:
        """How much of it is done, from 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else None


_COLUMNS = (
    "job, name, about, asked_by, status, round, attempts, failures, done, total, done_before, why, result, requested_at, started_at,"
    " progressed_at, ended_at, retry_at, position"
)


async def get(connection: AsyncConnection, job: UUID, *, schema: str = "jobs") -> Job | None:
    found = await _select(connection, schema, "job = %(job)s", {"job": job})
    return found[0] if found else None


async def beginning(connection: AsyncConnection, prefix: str, *, schema: str = "jobs") -> list[Job]:
    """Jobs whose id begins so, two at most: enough to know whether one is meant."""
    return await _select(connection, schema, "starts_with(job::text, %(prefix)s) ORDER BY position DESC LIMIT 2", {"prefix": prefix})


async def recent(
    connection: AsyncConnection,
    *,
    status: str | None = None,
    name: str | None = None,
    before: int | None = None,
    limit: int = 50,
    schema: str = "jobs",
) -> list[Job]:
    """Jobs, the latest request first."""
    clauses: dict[str, object] = {"status = %(status)s": status, "name = %(name)s": name, "position < %(before)s": before}
    where = " AND ".join(["true", *(clause for clause, value in clauses.items() if value is not None)])
    parameters: dict[str, object] = {"status": status, "name": name, "before": before, "limit": limit}
    return await _select(connection, schema, f"{where} ORDER BY position DESC LIMIT %(limit)s", parameters)


async def due(connection: AsyncConnection, now: datetime, *, of_each: int, but: Collection[UUID] = (), schema: str = "jobs") -> list[Job]:
    """Jobs that could be worked on now, the oldest request first, at most so many of each name: many of one kind hide no other.

    `but`: those somebody works on.
    """
    where = """
    job IN (
        SELECT job FROM (
            SELECT job, row_number() OVER (PARTITION BY name ORDER BY position) AS nth FROM {schema}.jobs
            WHERE status IN ('waiting', 'running') AND (retry_at IS NULL OR retry_at <= %(now)s) AND job <> ALL(%(but)s)
        ) AS open WHERE nth <= %(of_each)s
    ) ORDER BY position
    """
    return await _select(connection, schema, where, {"now": now, "of_each": of_each, "but": list(but)})


async def counts(connection: AsyncConnection, *, schema: str = "jobs") -> dict[str, int]:
    """How many jobs there are by status."""
    cursor = await connection.execute(sql("SELECT status, count(*) FROM {schema}.jobs GROUP BY status ORDER BY status", schema))
    return dict(await cursor.fetchall())


async def _select(connection: AsyncConnection, schema: str, where: str, parameters: dict[str, object]) -> list[Job]:
    async with connection.cursor(row_factory=class_row(Job)) as cursor:
        await cursor.execute(sql(f"SELECT {_COLUMNS} FROM {{schema}}.jobs WHERE {where}", schema), parameters)
        return await cursor.fetchall()


JOBS = Jobs()
