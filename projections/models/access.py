"""Who is not answered, and where (H1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from engine.decide.speaking.denial import Denied
from engine.events.access import Mode, Scope
from engine.sealing import DataKey
from engine.store import Stored
from engine.store.codec import open_fields
from engine.vault import Vault
from projections.base import Projection, clear, sql


class Access(Projection):
    name = "access"
    version = 1
    types = frozenset({"access.denied", "access.allowed"})
    ddl = """
    CREATE TABLE {schema}.denials (
        user_id bigint NOT NULL,
        scope text COLLATE "C" NOT NULL,
        target text COLLATE "C" NOT NULL,
        mode text NOT NULL,
        by_user bigint NOT NULL,
        denied_at timestamptz NOT NULL,
        position bigint NOT NULL,
        subject text NOT NULL,
        event_id uuid NOT NULL,
        schema_version integer NOT NULL,
        sealed bytea NOT NULL,
        PRIMARY KEY (user_id, scope, target)
    );
    CREATE INDEX ON {schema}.denials (scope, target);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            values: dict[str, Any] = clear(row) | {"at": row.occurred_at, "position": row.position, "subject": row.subject}
            values |= {"event_id": row.id, "schema_version": row.schema_version, "sealed": row.sealed}
            await connection.execute(sql(_STATEMENTS[row.type], schema), values)


_STATEMENTS = {
    "access.denied": """
        INSERT INTO {schema}.denials (user_id, scope, target, mode, by_user, denied_at, position, subject, event_id, schema_version, sealed)
        VALUES (%(user_id)s, %(scope)s, %(target)s, %(mode)s, %(by_user_id)s, %(at)s, %(position)s, %(subject)s, %(event_id)s,
                %(schema_version)s, %(sealed)s)
        ON CONFLICT (user_id, scope, target) DO UPDATE SET mode = excluded.mode, by_user = excluded.by_user, denied_at = excluded.denied_at,
            position = excluded.position, subject = excluded.subject, event_id = excluded.event_id,
            schema_version = excluded.schema_version, sealed = excluded.sealed
    """,
    "access.allowed": "DELETE FROM {schema}.denials WHERE user_id = %(user_id)s AND scope = %(scope)s AND target = %(target)s",
}


@dataclass(frozen=True, slots=True)
class DeniedPerson:
    """One denial with who gave it, when and why; the reason is empty once either of them was erased."""

    user_id: int
    scope: Scope
    target: str
    mode: Mode
    by_user: int
    denied_at: datetime
    reason: str


async def of_person(connection: AsyncConnection, user_id: int, *, schema: str = "access") -> list[Denied]:
    """Everything that holds for a person, wherever."""
    cursor = await connection.execute(sql("SELECT scope, target, mode FROM {schema}.denials WHERE user_id = %s", schema), (user_id,))
    return [Denied(*row) for row in await cursor.fetchall()]


async def denials(
    connection: AsyncConnection, vault: Vault, *, user_id: int | None = None, limit: int = 1000, schema: str = "access"
) -> list[DeniedPerson]:
    """All denials, or those of one person, the latest first."""
    statement = """
    SELECT user_id, scope, target, mode, by_user, denied_at, subject, event_id, schema_version, sealed FROM {schema}.denials
    WHERE %(user)s::bigint IS NULL OR user_id = %(user)s ORDER BY position DESC LIMIT %(limit)s
    """
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(sql(statement, schema), {"user": user_id, "limit": limit})).fetchall()
    keys = await vault.keys({row["subject"] for row in rows})
    return [_opened(row, keys) for row in rows]


def _opened(row: dict[str, Any], keys: Mapping[str, DataKey]) -> DeniedPerson:
    key = keys.get(row["subject"])
    fields = {} if key is None else open_fields(row["sealed"], key, row["event_id"], "access.denied", row["schema_version"])
    clear_ones = {name: row[name] for name in ("user_id", "scope", "target", "mode", "by_user", "denied_at")}
    return DeniedPerson(**clear_ones, reason=fields.get("reason", ""))


ACCESS = Access()
