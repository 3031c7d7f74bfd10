"""What a person did with a conversation of the playground as a whole: its title, and whether it was deleted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from engine.store import Stored
from engine.store.codec import open_fields
from engine.vault import Vault
from projections.base import Projection, clear, sql


class ChatMarks(Projection):
    name = "chat_marks"
    version = 1
    types = frozenset({"chat.titled", "chat.deleted", "chat.restored"})
    ddl = """
    CREATE TABLE {schema}.marks (
        channel bigint PRIMARY KEY,
        deleted boolean NOT NULL DEFAULT false,
        subject text,
        event_id uuid,
        schema_version integer,
        sealed bytea
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            values = {"channel": clear(row)["channel_id"], "deleted": row.type == "chat.deleted"}
            values |= {"subject": row.subject, "event_id": row.id, "schema_version": row.schema_version, "sealed": row.sealed}
            await connection.execute(sql(_TITLED if row.type == "chat.titled" else _THERE, schema), values)


_TITLED = """
INSERT INTO {schema}.marks (channel, subject, event_id, schema_version, sealed)
VALUES (%(channel)s, %(subject)s, %(event_id)s, %(schema_version)s, %(sealed)s)
ON CONFLICT (channel) DO UPDATE SET subject = excluded.subject, event_id = excluded.event_id,
    schema_version = excluded.schema_version, sealed = excluded.sealed
"""
_THERE = """
INSERT INTO {schema}.marks (channel, deleted) VALUES (%(channel)s, %(deleted)s)
ON CONFLICT (channel) DO UPDATE SET deleted = excluded.deleted
"""


@dataclass(frozen=True, slots=True)
class ChatMark:
    """The title of a conversation, empty when it has none, and whether it was deleted."""

    title: str = ""
    deleted: bool = False


UNMARKED = ChatMark()


async def of(connection: AsyncConnection, vault: Vault, channels: Collection[int], *, schema: str = "chat_marks") -> dict[int, ChatMark]:
    """The marks of these conversations, by channel; those without any are left out, and no title is read of an erased person."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("SELECT * FROM {schema}.marks WHERE channel = ANY(%s)", schema), (list(channels),))
        rows = await cursor.fetchall()
    keys = await vault.keys({row["subject"] for row in rows if row["subject"] is not None})
    return {row["channel"]: ChatMark(_title(row, keys.get(row["subject"])), row["deleted"]) for row in rows}


async def deleted(connection: AsyncConnection, channels: Collection[int], *, schema: str = "chat_marks") -> frozenset[int]:
    """Those of these conversations that were deleted."""
    statement = "SELECT channel FROM {schema}.marks WHERE channel = ANY(%s) AND deleted"
    cursor = await connection.execute(sql(statement, schema), (list(channels),))
    return frozenset(row[0] for row in await cursor.fetchall())


def _title(row: dict[str, Any], key: Any) -> str:
    if row["sealed"] is None or key is None:
        return ""
    return str(open_fields(row["sealed"], key, row["event_id"], "chat.titled", row["schema_version"]).get("title", ""))


CHAT_MARKS = ChatMarks()
