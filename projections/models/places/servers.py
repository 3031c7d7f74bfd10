"""What is set for each server, whether it is served, who was told there of the AI, which permissions the bot lacks where, and names."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from engine.decide.places.serving import Verdict
from engine.resources.places.server import AS_IT_COMES, ServerSheet
from engine.store import Stored
from engine.store.codec import open_fields
from engine.vault import Vault
from projections.base import Projection, clear, sql


class Servers(Projection):
    name = "servers"
    version = 3
    types = frozenset(
        {
            *("server.edited", "server.denied", "server.allowed", "server.disclosed", "server.referred"),
            *("server.permission_missed", "server.permission_given", "server.place_named"),
        }
    )
    ddl = """
    CREATE TABLE {schema}.servers (
        guild bigint PRIMARY KEY,
        data jsonb,
        verdict text,
        by_user bigint,
        said_at timestamptz,
        position bigint NOT NULL
    );
    CREATE TABLE {schema}.told (
        guild bigint NOT NULL,
        person bigint NOT NULL,
        disclosed_at timestamptz,
        referrals bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (guild, person)
    );
    CREATE TABLE {schema}.lacking (
        channel bigint NOT NULL,
        permission text NOT NULL,
        guild bigint NOT NULL,
        PRIMARY KEY (channel, permission)
    );
    CREATE TABLE {schema}.names (
        guild bigint NOT NULL,
        channel bigint NOT NULL,
        subject text NOT NULL,
        event_id uuid NOT NULL,
        schema_version integer NOT NULL,
        sealed bytea NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (channel, guild)
    );
    CREATE INDEX ON {schema}.names (position);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            values = clear(row) | {"position": row.position, "at": row.occurred_at}
            sheet = {name: values[name] for name in ServerSheet.model_fields if name in values}
            stored = {
                "data": Jsonb(sheet),
                "subject": row.subject,
                "event_id": row.id,
                "schema_version": row.schema_version,
                "sealed": row.sealed,
            }
            await connection.execute(sql(_STATEMENTS[row.type], schema), values | stored)


_VERDICT = """
INSERT INTO {{schema}}.servers (guild, verdict, by_user, said_at, position)
VALUES (%(guild_id)s, '{verdict}', %(by_user_id)s, %(at)s, %(position)s)
ON CONFLICT (guild) DO UPDATE SET verdict = excluded.verdict, by_user = excluded.by_user, said_at = excluded.said_at,
    position = excluded.position
"""
_STATEMENTS = {
    "server.edited": """
        INSERT INTO {schema}.servers (guild, data, position) VALUES (%(guild_id)s, %(data)s, %(position)s)
        ON CONFLICT (guild) DO UPDATE SET data = excluded.data, position = excluded.position
    """,
    "server.denied": _VERDICT.format(verdict="denied"),
    "server.allowed": _VERDICT.format(verdict="allowed"),
    "server.disclosed": """
        INSERT INTO {schema}.told (guild, person, disclosed_at) VALUES (%(guild_id)s, %(user_id)s, %(at)s)
        ON CONFLICT (guild, person) DO UPDATE SET disclosed_at = excluded.disclosed_at
    """,
    "server.referred": """
        INSERT INTO {schema}.told (guild, person, referrals) VALUES (coalesce(%(guild_id)s::bigint, 0), %(user_id)s, 1)
        ON CONFLICT (guild, person) DO UPDATE SET referrals = told.referrals + 1
    """,
    "server.permission_missed": """
        INSERT INTO {schema}.lacking (channel, permission, guild) VALUES (%(channel_id)s, %(permission)s, %(guild_id)s)
        ON CONFLICT DO NOTHING
    """,
    "server.place_named": """
        INSERT INTO {schema}.names (guild, channel, subject, event_id, schema_version, sealed, position)
        VALUES (%(guild_id)s, coalesce(%(channel_id)s::bigint, 0), %(subject)s, %(event_id)s, %(schema_version)s, %(sealed)s, %(position)s)
        ON CONFLICT (channel, guild) DO UPDATE SET subject = excluded.subject, event_id = excluded.event_id,
            schema_version = excluded.schema_version, sealed = excluded.sealed, position = excluded.position
    """,
    "server.permission_given": "DELETE FROM {schema}.lacking WHERE channel = %(channel_id)s AND permission = %(permission)s",
}


@dataclass(frozen=True, slots=True)
class Server:
    """One server: what is set, and what was said of serving it."""

    guild_id: int
    sheet: ServerSheet = AS_IT_COMES
    edited: bool = False
    verdict: Verdict | None = None


async def server(connection: AsyncConnection, guild_id: int, *, schema: str = "servers") -> Server:
    """One server; one of which nothing was said is as it comes."""
    cursor = await connection.execute(sql("SELECT data, verdict FROM {schema}.servers WHERE guild = %s", schema), (guild_id,))
    row = await cursor.fetchone()
    return Server(guild_id) if row is None else _server(guild_id, *row)


async def servers(connection: AsyncConnection, *, schema: str = "servers") -> list[Server]:
    """Every server of which anything was said."""
    cursor = await connection.execute(sql("SELECT guild, data, verdict FROM {schema}.servers ORDER BY guild", schema))
    return [_server(*row) for row in await cursor.fetchall()]


async def verdicts(connection: AsyncConnection, *, schema: str = "servers") -> dict[int, Verdict]:
    """What was said of serving servers, by server; those of which nothing was said are not among them."""
    cursor = await connection.execute(sql("SELECT guild, verdict FROM {schema}.servers WHERE verdict IS NOT NULL", schema))
    return dict(await cursor.fetchall())


async def disclosed_at(connection: AsyncConnection, guild_id: int, person: int, *, schema: str = "servers") -> datetime | None:
    """When a person was last told there that it is an AI."""
    statement = "SELECT disclosed_at FROM {schema}.told WHERE guild = %s AND person = %s"
    row = await (await connection.execute(sql(statement, schema), (guild_id, person))).fetchone()
    return row[0] if row is not None else None


async def referrals(connection: AsyncConnection, *, schema: str = "servers") -> dict[int, int]:
    """How often people were shown where help is, by server; 0 stands for DMs."""
    cursor = await connection.execute(sql("SELECT guild, sum(referrals)::bigint FROM {schema}.told GROUP BY guild ORDER BY guild", schema))
    return {guild: count for guild, count in await cursor.fetchall() if count}


@dataclass(frozen=True, slots=True)
class Lacking:
    """A permission that the bot lacks in a channel, by Discord's name of it."""

    guild_id: int
    channel_id: int
    permission: str


async def lacking(connection: AsyncConnection, channels: Iterable[int] | None = None, *, schema: str = "servers") -> list[Lacking]:
    """What the bot lacks in these channels, or anywhere, as far as it was noticed."""
    statement = (
        "SELECT guild, channel, permission FROM {schema}.lacking WHERE %(channels)s::bigint[] IS NULL OR channel = ANY(%(channels)s)"
    )
    asked = {"channels": None if channels is None else list(channels)}
    cursor = await connection.execute(sql(statement + " ORDER BY guild, channel, permission", schema), asked)
    return [Lacking(*row) for row in await cursor.fetchall()]


_NAMES = """
SELECT guild, channel, subject, event_id, schema_version, sealed FROM {schema}.names WHERE channel = ANY(%(places)s)
UNION ALL
SELECT guild, channel, subject, event_id, schema_version, sealed FROM {schema}.names WHERE channel = 0 AND guild = ANY(%(places)s)
UNION ALL
(SELECT guild, channel, subject, event_id, schema_version, sealed FROM {schema}.names ORDER BY position DESC LIMIT %(newest)s)
"""


@dataclass(frozen=True, slots=True)
class PlaceNames:
    """What servers and channels are called on Discord, by id, as far as it was noticed."""

    servers: Mapping[int, str] = field(default_factory=dict)
    channels: Mapping[int, str] = field(default_factory=dict)


async def names(
    connection: AsyncConnection, vault: Vault, places: Collection[int] = (), *, newest: int = 0, schema: str = "servers"
) -> PlaceNames:
    """The names of these servers and channels, and the `newest` of all."""
    cursor = await connection.execute(sql(_NAMES, schema), {"places": [place for place in places if place], "newest": newest})
    rows = await cursor.fetchall()
    keys = await vault.keys({row[2] for row in rows})
    found: tuple[dict[int, str], dict[int, str]] = {}, {}
    for guild, channel, subject, event_id, version, sealed in rows:
        if (key := keys.get(subject)) is not None:
            name = str(open_fields(sealed, key, event_id, "server.place_named", version).get("name", ""))
            found[1 if channel else 0][channel or guild] = name
    return PlaceNames(*found)


def _server(guild_id: int, data: object, verdict: Verdict | None) -> Server:
    return Server(guild_id, AS_IT_COMES if data is None else ServerSheet.model_validate(data), data is not None, verdict)


SERVERS = Servers()
