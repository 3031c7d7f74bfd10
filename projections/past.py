"""Read models as they were at a position of the log, folded beside the live ones and read row by row."""

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection
from psycopg import sql as composed
from psycopg.rows import dict_row

from engine.sealing import DataKey
from engine.store import Log
from engine.store.codec import open_fields
from engine.vault import Vault
from projections.base import Projection
from projections.follow import past_views

Rows = list[dict[str, Any]]


async def tables(
    log: Log,
    projection: Projection,
    position: int,
    wanted: Mapping[str, Any],
    *,
    limit: int = 50,
    opened: bool = False,
    steps: int | None = None,
) -> dict[str, Rows]:
    """The latest rows of each table as of a position; `wanted` restricts columns that a table has. With `opened` texts are opened.

    Raises NotFoldedYet when more than so many steps are needed, StoreError for a position the log does not have.
    """
    async with past_views.as_of(log.dsn, projection, position, steps=steps) as (connection, schema):
        found: dict[str, Rows] = {}
        for table in await past_views.tables(connection, schema):
            rows = await _rows(connection, schema, table, wanted, limit)
            found[table] = [await _opened(row, log.vault if opened else None) for row in rows]
        return found


async def _rows(connection: AsyncConnection, schema: str, name: str, wanted: Mapping[str, Any], limit: int) -> Rows:
    cursor = await connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        (schema, name),
    )
    columns = [row[0] for row in await cursor.fetchall()]
    used = {column: value for column, value in wanted.items() if value is not None and column in columns}
    if {"user_id", "author_id"} <= used.keys():
        del used["author_id"]
    clauses = [composed.SQL("{} = {}").format(composed.Identifier(column), composed.Literal(value)) for column, value in used.items()]
    where = composed.SQL(" WHERE ") + composed.SQL(" AND ").join(clauses) if clauses else composed.SQL("")
    order = composed.Identifier("position" if "position" in columns else columns[0])
    statement = composed.SQL("SELECT * FROM {}{} ORDER BY {} DESC LIMIT {}").format(
        composed.Identifier(schema, name), where, order, composed.Literal(limit)
    )
    async with connection.cursor(row_factory=dict_row) as rows:
        await rows.execute(statement)
        return (await rows.fetchall())[::-1]


def _fields(row: dict[str, Any], key: DataKey) -> dict[str, Any]:
    return open_fields(row["sealed"], key, row["event_id"], row["event_type"], row["schema_version"])


async def _opened(row: dict[str, Any], vault: Vault | None) -> dict[str, Any]:
    """The row with its sealed part opened, or left out."""
    shown = {name: value for name, value in row.items() if not isinstance(value, bytes)}
    needed = {"sealed", "subject", "event_id", "event_type", "schema_version"}
    if vault is None or not needed <= row.keys():
        return shown
    key = (await vault.keys([row["subject"]])).get(row["subject"])
    return shown | {"text": _fields(row, key) if key else "[erased]"}
