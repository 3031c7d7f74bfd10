"""Events a read model could not take: each is left out of that model and kept here, so that one row's content stops nobody."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine import log
from engine.errors import StoreUnavailable
from engine.store import Stored, sqlstate

MOST_IN_AN_HOUR = 100
"""More than so many within an hour are no odd rows any more: then it is the program, and the read model stops."""
_log = log.get("projections")


@dataclass(frozen=True, slots=True)
class Aside:
    """One event that one read model leaves out because Postgres refused what it holds. `error` is the class of that refusal."""

    name: str
    position: int
    type: str
    event_id: str
    error: str
    at: datetime


def is_trouble(error: BaseException) -> bool:
    """Whether Postgres is away or busy, so that nothing is known about the row that was being applied."""
    away = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | StoreUnavailable)
    return away and not sqlstate.lasts(error)


async def put(connection: AsyncConnection, name: str, row: Stored, error: Exception) -> bool:
    """Leave the event out of this read model from now on. False, and nothing is done, when there are too many of them lately."""
    count = await connection.execute(
        "SELECT count(*) FROM projection_skips WHERE name = %s AND error IS NOT NULL AND made_at > now() - interval '1 hour'", (name,)
    )
    lately = await count.fetchone()
    if lately is not None and lately[0] >= MOST_IN_AN_HOUR:
        return False
    await connection.execute(
        "INSERT INTO projection_skips (name, position, reason, error, type, event_id)"
        " VALUES (%s, %s, 'Postgres refused what it holds', %s, %s, %s) ON CONFLICT DO NOTHING",
        (name, row.position, type(error).__name__, row.type, row.id),
    )
    _log.error("event put aside", projection=name, position=row.position, type=row.type, event_id=str(row.id), error=type(error).__name__)
    return True


async def kept(connection: AsyncConnection, name: str | None = None) -> list[Aside]:
    """What was put aside, by one read model or by all, in the order of the log."""
    async with connection.cursor(row_factory=class_row(Aside)) as cursor:
        await cursor.execute(
            "SELECT name, position, type, event_id::text, error, made_at AS at FROM projection_skips"
            " WHERE error IS NOT NULL AND (%(name)s::text IS NULL OR name = %(name)s) ORDER BY position, name",
            {"name": name},
        )
        return await cursor.fetchall()


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """How many events each read model has put aside; those without are not in it."""
    cursor = await connection.execute("SELECT name, count(*) FROM projection_skips WHERE error IS NOT NULL GROUP BY name ORDER BY name")
    return dict(await cursor.fetchall())


async def take_back(connection: AsyncConnection, name: str) -> int:
    """Forget what a read model put aside, so that its next rebuild tries those events again; returns how many there were."""
    cursor = await connection.execute("DELETE FROM projection_skips WHERE name = %s AND error IS NOT NULL", (name,))
    return cursor.rowcount
