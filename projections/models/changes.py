"""Who changed what, command by command: what `/undo` finds a person's own last changes by (C10)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine.events import class_of
from engine.store import Stored
from projections.base import Projection, clear, sql

MOST = 200
"""A person's newest changes that are looked at."""


class Changes(Projection):
    name = "changes"
    version = 9
    types = frozenset(
        {
            *(f"character.{what}" for what in ("created", "edited", "deleted", "restored")),
            *(f"preset.{what}" for what in ("created", "edited", "deleted", "restored", "default_chosen", "override_chosen")),
            *(f"channel.{what}" for what in ("activated", "deactivated", "edited", "context_reset", "context_restored", "purged")),
            *(f"quota.{what}" for what in ("budget_set", "limits_changed", "block_lifted")),
            *(f"key.{what}" for what in ("added", "removed")),
            *(f"model.{what}" for what in ("overridden", "override_cleared", "quirks_noted")),
            *(f"reply.{what}" for what in ("edited", "version_chosen", "deleted", "rated")),
            "reaction.mapped",
            *(f"chat.{what}" for what in ("titled", "deleted", "restored", "imported", "withdrawn", "readmitted")),
            "note.set",
            "scripts.set",
            *(
                f"lorebook.{what}"
                for what in ("created", "edited", "entries_set", "entries_removed", "deleted", "restored", "attached", "detached")
            ),
            *(f"access.{what}" for what in ("denied", "allowed")),
            "profile.edited",
            "presence.set",
            *(f"persona.{what}" for what in ("created", "edited", "deleted", "restored", "chosen")),
            *(f"server.{what}" for what in ("edited", "denied", "allowed")),
            *(f"memory.{what}" for what in ("noted", "corrected", "locked", "reach_chosen", "session_started", "session_ended")),
            "memory.generation_chosen",
        }
    )
    ddl = """
    CREATE TABLE {schema}.changes (
        key uuid PRIMARY KEY,
        person bigint NOT NULL,
        type text COLLATE "C" NOT NULL,
        at timestamptz NOT NULL,
        position bigint NOT NULL
    );
    CREATE INDEX ON {schema}.changes (person, position);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            doer = class_of(row.type, row.schema_version).DOER
            person = clear(row).get(doer) if doer is not None else None
            if row.correlation is not None and person is not None:
                values = {"key": row.correlation, "person": person, "type": row.type, "at": row.recorded_at, "position": row.position}
                await connection.execute(sql(_INSERT, schema), values)


_INSERT = """
INSERT INTO {schema}.changes (key, person, type, at, position) VALUES (%(key)s, %(person)s, %(type)s, %(at)s, %(position)s)
ON CONFLICT (key) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One command of a person: its key, the type of its first event, and when the log took it."""

    key: UUID
    type: str
    at: datetime


async def of(connection: AsyncConnection, person: int, since: datetime, *, schema: str = "changes") -> list[Change]:
    """A person's last changes since a time, newest first, at most MOST; those that took others back are among them."""
    statement = "SELECT key, type, at FROM {schema}.changes WHERE person = %s AND at >= %s ORDER BY position DESC LIMIT %s"
    async with connection.cursor(row_factory=class_row(Change)) as cursor:
        await cursor.execute(sql(statement, schema), (person, since, MOST))
        return await cursor.fetchall()


_NEWEST = """
SELECT newest.key, newest.position FROM unnest(%(people)s::bigint[]) AS p (person) CROSS JOIN LATERAL (
    SELECT c.key, c.position FROM {schema}.changes c WHERE c.person = p.person ORDER BY c.position DESC LIMIT %(limit)s) AS newest
ORDER BY newest.position DESC LIMIT %(limit)s
"""


async def newest(connection: AsyncConnection, people: Sequence[int], *, limit: int = MOST, schema: str = "changes") -> list[UUID]:
    """Keys of the newest changes of some people, newest first."""
    cursor = await connection.execute(sql(_NEWEST, schema), {"people": list(people), "limit": limit})
    return [row[0] for row in await cursor.fetchall()]


def open_ones(recent: Sequence[Change], undo_key: Callable[[UUID], UUID]) -> list[Change]:
    """Those that stand: neither taken back nor the taking back of another one. Pure."""
    keys = {change.key for change in recent}
    undoing = {undo_key(key) for key in keys}
    return [change for change in recent if change.key not in undoing and undo_key(change.key) not in keys]


CHANGES = Changes()
