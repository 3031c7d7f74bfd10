"""What is odd about models, as it was learned from refusals or set by an operator: a table of the read model `models`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from projections import unchanged
from projections.base import sql

QUIRK_TYPES = frozenset({"model.quirks_noted", "model.quirks_forgotten"})
QUIRKS_DDL = """
    CREATE TABLE {schema}.quirks (
        model text COLLATE "C" PRIMARY KEY,
        forbidden text[] NOT NULL,
        renamed jsonb NOT NULL,
        messages text[] NOT NULL,
        learned boolean NOT NULL,
        until timestamptz,
        at timestamptz NOT NULL
    );
"""
_SET = """
INSERT INTO {schema}.quirks (model, forbidden, renamed, messages, learned, until, at)
VALUES (%(model)s, %(forbidden)s, %(renamed)s, %(messages)s, %(learned)s, %(until)s, %(at)s)
ON CONFLICT (model) DO UPDATE SET forbidden = excluded.forbidden, renamed = excluded.renamed, messages = excluded.messages,
    learned = excluded.learned, until = excluded.until, at = excluded.at
"""
_ADD = """
INSERT INTO {schema}.quirks AS q (model, forbidden, renamed, messages, learned, until, at)
VALUES (%(model)s, %(forbidden)s, %(renamed)s, %(messages)s, true, %(until)s, %(at)s)
ON CONFLICT (model) DO UPDATE SET
    forbidden = ARRAY(SELECT DISTINCT unnest(q.forbidden || excluded.forbidden) ORDER BY 1),
    renamed = q.renamed || excluded.renamed,
    messages = ARRAY(SELECT DISTINCT unnest(q.messages || excluded.messages) ORDER BY 1),
    until = CASE WHEN q.until IS NULL THEN NULL ELSE greatest(q.until, excluded.until) END, at = excluded.at
"""
_EXPIRED = "DELETE FROM {schema}.quirks WHERE model = %(model)s AND until <= %(at)s"


async def apply_quirks(connection: AsyncConnection, schema: str, type_: str, data: Mapping[str, Any]) -> None:
    """Take in one event. What was learned is added to what still holds; what an operator says replaces it."""
    if type_ == "model.quirks_forgotten":
        await connection.execute(sql("DELETE FROM {schema}.quirks WHERE model = %(model)s", schema), data)
        return
    until = data["until_ms"]
    moment = None if until is None else datetime.fromtimestamp(min(until, 253_402_300_000_000) / 1000, UTC)
    values = {**data, "renamed": Jsonb(data["renamed"]), "until": moment}
    if data["learned"]:
        await connection.execute(sql(_EXPIRED, schema), values)
    await connection.execute(sql(_ADD if data["learned"] else _SET, schema), values)


async def quirks_at(connection: AsyncConnection, schema: str, models: Sequence[str], now: datetime) -> list[tuple[Any, ...]]:
    """Rows of model, forbidden, renamed, messages for those of these models that something holds for at a moment."""
    statement = sql("SELECT model, forbidden, renamed, messages, until FROM {schema}.quirks WHERE model = ANY(%s)", schema)
    found = await unchanged.rows(connection, [schema], statement, (list(models),))
    return [row[:4] for row in found if row[4] is None or row[4] > now]


@dataclass(frozen=True, slots=True)
class NotedQuirks:
    """What is noted of one model, and until when it holds (None: until it is forgotten)."""

    model: str
    forbidden: list[str]
    renamed: dict[str, str]
    messages: list[str]
    learned: bool
    until: datetime | None
    at: datetime


async def noted(connection: AsyncConnection, *, schema: str = "models") -> list[NotedQuirks]:
    """All of them, by model."""
    async with connection.cursor(row_factory=class_row(NotedQuirks)) as cursor:
        await cursor.execute(
            sql("SELECT model, forbidden, renamed, messages, learned, until, at FROM {schema}.quirks ORDER BY model", schema)
        )
        return await cursor.fetchall()
