"""What holds in each channel: who is activated, whom a DM goes on with, and the last message seen there."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine.store import Stored
from projections.base import Projection, clear, sql


class Channels(Projection):
    name = "channels"
    version = 1
    types = frozenset({"channel.activated", "channel.deactivated", "message.received", "turn.requested"})
    ddl = """
    CREATE TABLE {schema}.activations (
        channel bigint NOT NULL,
        character uuid NOT NULL,
        guild bigint,
        venue text NOT NULL,
        by_user bigint NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (channel, character)
    );
    CREATE TABLE {schema}.seen (
        channel bigint PRIMARY KEY,
        guild bigint,
        venue text NOT NULL,
        kind text NOT NULL,
        last_message bigint NOT NULL,
        messages bigint NOT NULL,
        position bigint NOT NULL
    );
    CREATE TABLE {schema}.sessions (
        channel bigint PRIMARY KEY,
        character uuid NOT NULL,
        user_id bigint NOT NULL,
        venue text NOT NULL,
        position bigint NOT NULL
    );
    CREATE INDEX ON {schema}.sessions (user_id, position);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        async with connection.cursor() as cursor:
            for row in rows:
                await cursor.execute(sql(_STATEMENTS[row.type], schema), clear(row) | {"position": row.position})


_ACTIVATED = """
INSERT INTO {schema}.activations (channel, character, guild, venue, by_user, position)
VALUES (%(channel_id)s, %(character_id)s, %(guild_id)s, %(venue)s, %(by_user_id)s, %(position)s)
ON CONFLICT DO NOTHING
"""
_DEACTIVATED = "DELETE FROM {schema}.activations WHERE channel = %(channel_id)s AND character = %(character_id)s"
_SEEN = """
INSERT INTO {schema}.seen AS s (channel, guild, venue, kind, last_message, messages, position)
VALUES (%(channel_id)s, %(guild_id)s, %(venue)s, %(channel_kind)s, %(message_id)s, 1, %(position)s)
ON CONFLICT (channel) DO UPDATE
SET last_message = greatest(s.last_message, excluded.last_message), messages = s.messages + 1, position = excluded.position
"""
_SESSION = """
INSERT INTO {schema}.sessions (channel, character, user_id, venue, position)
VALUES (%(channel_id)s, %(character_id)s, %(user_id)s, %(venue)s, %(position)s)
ON CONFLICT (channel) DO UPDATE
SET character = excluded.character, user_id = excluded.user_id, position = excluded.position
"""
_STATEMENTS = {
    "channel.activated": _ACTIVATED,
    "channel.deactivated": _DEACTIVATED,
    "message.received": _SEEN,
    "turn.requested": _SESSION,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A channel and the newest message of it that is in the log."""

    channel: int
    guild: int | None
    venue: str
    kind: str
    last_message: int
    messages: int
    position: int


@dataclass(frozen=True, slots=True)
class Session:
    """The character that last answered in a channel, and whom."""

    channel: int
    character: UUID
    user_id: int
    venue: str
    position: int


async def active_in(connection: AsyncConnection, channel: int, *, schema: str = "channels") -> list[UUID]:
    """The characters that answer everything said in a channel, in the order of their activation."""
    cursor = await connection.execute(
        sql("SELECT character FROM {schema}.activations WHERE channel = %s ORDER BY position", schema), (channel,)
    )
    return [row[0] for row in await cursor.fetchall()]


async def all_active(connection: AsyncConnection, *, schema: str = "channels") -> dict[int, list[UUID]]:
    """Every activation, by channel."""
    cursor = await connection.execute(sql("SELECT channel, character FROM {schema}.activations ORDER BY position", schema))
    found: dict[int, list[UUID]] = {}
    for channel, character in await cursor.fetchall():
        found.setdefault(channel, []).append(character)
    return found


async def session(connection: AsyncConnection, channel: int, *, schema: str = "channels") -> Session | None:
    """Whom a channel was last talking with."""
    async with connection.cursor(row_factory=class_row(Session)) as cursor:
        await cursor.execute(
            sql("SELECT channel, character, user_id, venue, position FROM {schema}.sessions WHERE channel = %s", schema), (channel,)
        )
        return await cursor.fetchone()


async def sessions_of(connection: AsyncConnection, user_id: int, *, venue: str, limit: int = 50, schema: str = "channels") -> list[Session]:
    """A person's conversations, the latest first."""
    statement = """
    SELECT channel, character, user_id, venue, position FROM {schema}.sessions
    WHERE user_id = %s AND venue = %s ORDER BY position DESC LIMIT %s
    """
    async with connection.cursor(row_factory=class_row(Session)) as cursor:
        await cursor.execute(sql(statement, schema), (user_id, venue, limit))
        return await cursor.fetchall()


async def seen(connection: AsyncConnection, *, venue: str, schema: str = "channels") -> list[Seen]:
    """Every channel anything was heard in, with the newest message known of each."""
    statement = "SELECT channel, guild, venue, kind, last_message, messages, position FROM {schema}.seen WHERE venue = %s ORDER BY channel"
    async with connection.cursor(row_factory=class_row(Seen)) as cursor:
        await cursor.execute(sql(statement, schema), (venue,))
        return await cursor.fetchall()


CHANNELS = Channels()
