"""Read models as they were at earlier positions, kept for a while: a look at a later position folds on from the nearest one (ADR 69).

A view is folded in steps, each of which commits rows and position together, so what was folded is not lost when nobody waits for the
end. One look folds a bounded number of steps. Views that nobody looked at for an hour are dropped, and all when somebody is erased.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg import sql as composed

from engine.errors import StoreError
from engine.store import connect, reader
from projections.base import Projection
from projections.follow.rebuild import STEP, create, drop, load

KEPT = 3
"""Views per read model."""
IDLE = "1 hour"
PREFIX = "past_"


class NotFoldedYet(StoreError):
    """There is more to fold than one look does. What was folded is kept: look again."""

    def __init__(self, reached: int, position: int) -> None:
        self.reached, self.position = reached, position
        super().__init__(f"folded up to position {reached:,} of {position:,} so far")


@dataclass(slots=True)
class _View:
    schema: str
    position: int


@asynccontextmanager
async def as_of(dsn: str, projection: Projection, position: int, *, steps: int | None = None) -> AsyncIterator[tuple[AsyncConnection, str]]:
    """A connection, and the schema that holds the read model as of a position. Pass it as `schema=` to the read functions.

    At most `steps` steps are folded now. Raises NotFoldedYet, and StoreError for a position the log does not have.
    """
    async with await connect.connect(dsn, application="tzurot as-of") as connection:
        head = await reader.head(connection)
        if not 0 <= position <= head:
            raise StoreError(f"the log has positions 1 to {head}; {position} is not among them")
        # One look at a read model's past at a time: whoever comes second finds what the first one folded. Ends with the connection.
        await connection.execute("SELECT pg_advisory_lock(hashtext('past ' || %s))", (projection.name,))
        await _tidy(connection, projection)
        view = await _nearest(connection, projection, position)
        await _fold(connection, projection, view, position, steps)
        yield connection, view.schema


async def tables(connection: AsyncConnection, schema: str) -> list[str]:
    """The names of a view's tables."""
    cursor = await connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY table_name", (schema,)
    )
    return [row[0] for row in await cursor.fetchall()]


async def _tidy(connection: AsyncConnection, projection: Projection) -> None:
    """Drop what is of another make, what nobody uses, and what is more than there may be, the longest unused first."""
    statement = """
    SELECT schema_name FROM past_views WHERE name = %(name)s AND (fingerprint <> %(make)s OR used_at < now() - %(idle)s::interval)
    UNION (SELECT schema_name FROM past_views WHERE name = %(name)s AND fingerprint = %(make)s ORDER BY used_at DESC OFFSET %(kept)s)
    """
    about = {"name": projection.name, "make": projection.fingerprint, "idle": IDLE, "kept": KEPT}
    for (schema,) in await (await connection.execute(statement, about)).fetchall():
        await _remove(connection, schema)


async def _remove(connection: AsyncConnection, schema: str) -> None:
    async with connection.transaction():
        await connection.execute("DELETE FROM past_views WHERE schema_name = %s", (schema,))
        await drop(connection, schema)


async def _nearest(connection: AsyncConnection, projection: Projection, position: int) -> _View:
    """The view to fold on: the nearest one before, itself when it is near or there are enough, else a copy; an empty one without any."""
    statement = (
        "SELECT schema_name, position, (SELECT count(*) FROM past_views WHERE name = v.name) FROM past_views v"
        " WHERE name = %s AND position <= %s ORDER BY position DESC LIMIT 1"
    )
    row = await (await connection.execute(statement, (projection.name, position))).fetchone()
    if row is not None and (position - row[1] <= STEP or row[2] >= KEPT):
        return _View(row[0], int(row[1]))
    view = _View(f"{PREFIX}{projection.name}_{secrets.token_hex(4)}", int(row[1]) if row else 0)
    async with connection.transaction():
        await create(connection, projection, view.schema)
        if row is not None:
            await _copy(connection, row[0], view.schema)
        await connection.execute(
            "INSERT INTO past_views (schema_name, name, fingerprint, position) VALUES (%s, %s, %s, %s)",
            (view.schema, projection.name, projection.fingerprint, view.position),
        )
    return view


async def _copy(connection: AsyncConnection, source: str, target: str) -> None:
    for table in await tables(connection, source):
        statement = composed.SQL("INSERT INTO {} SELECT * FROM {}")
        await connection.execute(statement.format(composed.Identifier(target, table), composed.Identifier(source, table)))


async def _fold(connection: AsyncConnection, projection: Projection, view: _View, position: int, steps: int | None) -> None:
    done = 0
    while view.position < position:
        if steps is not None and done >= steps:
            raise NotFoldedYet(view.position, position)
        until = min(view.position + STEP, position)
        async with connection.transaction():
            await load(connection, projection, view.schema, view.position, until)
            await _moved(connection, view.schema, until)
        view.position, done = until, done + 1
    await _moved(connection, view.schema, position)


async def _moved(connection: AsyncConnection, schema: str, position: int) -> None:
    await connection.execute("UPDATE past_views SET position = %s, used_at = now() WHERE schema_name = %s", (position, schema))
