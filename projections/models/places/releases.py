"""Releases, and which channels were told of which."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine.store import Stored
from projections.base import Projection, clear, sql


class Releases(Projection):
    name = "releases"
    version = 1
    types = frozenset({"release.published", "release.told"})
    ddl = """
    CREATE TABLE {schema}.releases (
        version text PRIMARY KEY,
        title text NOT NULL,
        notes text NOT NULL,
        url text NOT NULL,
        at timestamptz NOT NULL,
        position bigint NOT NULL
    );
    CREATE TABLE {schema}.told (
        version text NOT NULL,
        channel bigint NOT NULL,
        PRIMARY KEY (version, channel)
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            values = clear(row) | {"at": row.occurred_at, "position": row.position}
            await connection.execute(sql(_PUBLISHED if row.type == "release.published" else _TOLD, schema), values)


_PUBLISHED = """
INSERT INTO {schema}.releases (version, title, notes, url, at, position)
VALUES (%(version)s, %(title)s, %(notes)s, %(url)s, %(at)s, %(position)s) ON CONFLICT (version) DO NOTHING
"""
_TOLD = "INSERT INTO {schema}.told (version, channel) VALUES (%(version)s, %(channel_id)s) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class News:
    """A release as it is told."""

    version: str
    title: str
    notes: str
    url: str
    at: datetime


async def since(connection: AsyncConnection, when: datetime, *, schema: str = "releases") -> list[News]:
    """Releases published since a time, oldest first."""
    async with connection.cursor(row_factory=class_row(News)) as cursor:
        statement = "SELECT version, title, notes, url, at FROM {schema}.releases WHERE at >= %s ORDER BY position"
        await cursor.execute(sql(statement, schema), (when,))
        return await cursor.fetchall()


async def told(connection: AsyncConnection, version: str, *, schema: str = "releases") -> frozenset[int]:
    """The channels that were told of a release."""
    cursor = await connection.execute(sql("SELECT channel FROM {schema}.told WHERE version = %s", schema), (version,))
    return frozenset(row[0] for row in await cursor.fetchall())


RELEASES = Releases()
