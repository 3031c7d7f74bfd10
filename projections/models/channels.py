"""What holds in each channel: who is activated, whom a DM goes on with, and the last message seen there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from engine.decide.channel import Where
from engine.resources.channel import ChannelSheet
from engine.store import Query, Stored, reader
from projections.base import Projection, clear, decoded, execute, sql

RARE = frozenset({"channel.activated", "channel.deactivated", "channel.edited"})


class Channels(Projection):
    name = "channels"
    version = 3
    types = frozenset({*RARE, "message.received", "turn.requested"})
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
    CREATE TABLE {schema}.settings (
        channel bigint PRIMARY KEY,
        guild bigint,
        venue text NOT NULL,
        data jsonb NOT NULL,
        position bigint NOT NULL
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
        """Messages, sessions and activations stand in tables of their own: only within one does the order matter."""
        changes: dict[str, list[dict[str, object]]] = {"message.received": [], "turn.requested": []}
        async with connection.cursor() as cursor:
            for row in rows:
                values = {"epoch": 0} | clear(row) | {"position": row.position}
                if row.type in changes:
                    changes[row.type].append(values)
                else:
                    sheet = {name: values[name] for name in ChannelSheet.model_fields if name in values}
                    await cursor.execute(sql(_STATEMENTS[row.type], schema), values | {"data": Jsonb(sheet)})
            for type_, many in changes.items():
                if many:
                    await cursor.executemany(sql(_STATEMENTS[type_], schema), many)

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The last word about each channel by one statement a table; activations and settings, which are rare, one by one."""
        for statement in (_LOAD_SEEN, _LOAD_SESSIONS):
            await execute(connection, schema, statement, after, until)
        rare = Query(after=after, until=until, types=RARE)
        await self.apply(connection, schema, [row async for row in reader.rows(connection, rare)])


_LOAD_SEEN = f"""
INSERT INTO {{schema}}.seen AS s (channel, guild, venue, kind, last_message, messages, position)
SELECT d.channel_id, (array_agg(d.guild_id ORDER BY e.position))[1], (array_agg(d.venue ORDER BY e.position))[1],
       (array_agg(d.channel_kind ORDER BY e.position))[1], max(d.message_id), count(*), max(e.position)
{decoded("channel_id bigint, guild_id bigint, venue text, channel_kind text, message_id bigint", ["message.received"])}
GROUP BY d.channel_id
ON CONFLICT (channel) DO UPDATE SET last_message = greatest(s.last_message, excluded.last_message),
    messages = s.messages + excluded.messages, position = excluded.position
"""
_LOAD_SESSIONS = f"""
INSERT INTO {{schema}}.sessions (channel, character, user_id, venue, position)
SELECT d.channel_id, (array_agg(d.character_id ORDER BY e.position DESC))[1], (array_agg(d.user_id ORDER BY e.position DESC))[1],
       (array_agg(d.venue ORDER BY e.position))[1], max(e.position)
{decoded("channel_id bigint, character_id uuid, user_id bigint, venue text, epoch integer", ["turn.requested"])}
AND coalesce(d.epoch, 0) = 0
GROUP BY d.channel_id
ON CONFLICT (channel) DO UPDATE SET character = excluded.character, user_id = excluded.user_id, position = excluded.position
"""
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
SELECT %(channel_id)s, %(character_id)s, %(user_id)s, %(venue)s, %(position)s WHERE %(epoch)s = 0
ON CONFLICT (channel) DO UPDATE
SET character = excluded.character, user_id = excluded.user_id, position = excluded.position
"""
_EDITED = """
INSERT INTO {schema}.settings (channel, guild, venue, data, position)
VALUES (%(channel_id)s, %(guild_id)s, %(venue)s, %(data)s, %(position)s)
ON CONFLICT (channel) DO UPDATE SET data = excluded.data, position = excluded.position
"""
_STATEMENTS = {
    "channel.edited": _EDITED,
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


async def where(connection: AsyncConnection, channel: int, *, schema: str = "channels") -> Where | None:
    """A channel in which something was heard or set, with its server."""
    statement = """
    SELECT guild, venue FROM {schema}.seen WHERE channel = %(channel)s
    UNION ALL SELECT guild, venue FROM {schema}.activations WHERE channel = %(channel)s
    UNION ALL SELECT guild, venue FROM {schema}.settings WHERE channel = %(channel)s LIMIT 1
    """
    row = await (await connection.execute(sql(statement, schema), {"channel": channel})).fetchone()
    return None if row is None else Where(channel, row[0], row[1])


async def sheet_of(connection: AsyncConnection, channel: int, *, schema: str = "channels") -> ChannelSheet | None:
    """What is set for a channel; None where nothing ever was."""
    cursor = await connection.execute(sql("SELECT data FROM {schema}.settings WHERE channel = %s", schema), (channel,))
    row = await cursor.fetchone()
    return None if row is None else ChannelSheet.model_validate(row[0])


async def beginning(connection: AsyncConnection, *, schema: str = "channels") -> dict[int, tuple[Where, ChannelSheet]]:
    """The channels where a character may speak first."""
    statement = "SELECT channel, guild, venue, data FROM {schema}.settings WHERE data->>'idle_h' IS NOT NULL ORDER BY channel"
    cursor = await connection.execute(sql(statement, schema))
    return {row[0]: (Where(row[0], row[1], row[2]), ChannelSheet.model_validate(row[3])) for row in await cursor.fetchall()}


async def all_active(connection: AsyncConnection, *, schema: str = "channels") -> dict[int, list[UUID]]:
    """Every activation, by channel."""
    cursor = await connection.execute(sql("SELECT channel, character FROM {schema}.activations ORDER BY position", schema))
    found: dict[int, list[UUID]] = {}
    for channel, character in await cursor.fetchall():
        found.setdefault(channel, []).append(character)
    return found


async def unheard(connection: AsyncConnection, *, venue: str, schema: str = "channels") -> dict[int, int]:
    """Channels with a character where nothing was heard yet, and the position of the latest activation there."""
    statement = """
    SELECT a.channel, max(a.position) FROM {schema}.activations AS a
    WHERE a.venue = %s AND NOT EXISTS (SELECT 1 FROM {schema}.seen AS s WHERE s.channel = a.channel) GROUP BY a.channel
    """
    cursor = await connection.execute(sql(statement, schema), (venue,))
    return dict(await cursor.fetchall())


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


async def hosts(connection: AsyncConnection, wanted: Collection[int], *, schema: str = "channels") -> dict[int, UUID]:
    """Whom these channels of the playground are chats with; other channels are left out."""
    statement = "SELECT channel, character FROM {schema}.sessions WHERE channel = ANY(%s) AND venue = 'playground'"
    cursor = await connection.execute(sql(statement, schema), (list(wanted),))
    return {row[0]: row[1] for row in await cursor.fetchall()}


CHANNELS = Channels()
