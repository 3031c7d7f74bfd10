"""What reactions do where, how people rated replies, and which they reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from engine.resources.reacting.sheet import Act, ReactionSheet, mapping
from engine.sealing import DataKey
from engine.store import Stored
from engine.store.codec import open_fields
from engine.vault import Vault
from projections.base import Projection, clear, sql


class Reactions(Projection):
    name = "reactions"
    version = 1
    types = frozenset({"reaction.mapped", "reply.rated", "reply.reported"})
    ddl = """
    CREATE TABLE {schema}.mappings (
        scope text COLLATE "C" NOT NULL,
        target text COLLATE "C" NOT NULL,
        data jsonb NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (scope, target)
    );
    CREATE TABLE {schema}.ratings (
        character uuid NOT NULL,
        message_id bigint NOT NULL,
        version uuid NOT NULL,
        person bigint NOT NULL,
        rating text COLLATE "C" NOT NULL,
        model text,
        preset uuid,
        guild bigint,
        position bigint NOT NULL,
        PRIMARY KEY (version, person)
    );
    CREATE INDEX ON {schema}.ratings (character);
    CREATE TABLE {schema}.reports (
        position bigint PRIMARY KEY,
        character uuid NOT NULL,
        message_id bigint NOT NULL,
        version uuid NOT NULL,
        channel bigint NOT NULL,
        guild bigint,
        person bigint NOT NULL,
        at timestamptz NOT NULL,
        subject text NOT NULL,
        event_id uuid NOT NULL,
        schema_version integer NOT NULL,
        sealed bytea NOT NULL
    );
    CREATE INDEX ON {schema}.reports (version);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            values: dict[str, Any] = clear(row) | {"at": row.occurred_at, "position": row.position, "subject": row.subject}
            values |= {"event_id": row.id, "schema_version": row.schema_version, "sealed": row.sealed}
            name = "reply.unrated" if row.type == "reply.rated" and values["rating"] is None else row.type
            if row.type == "reaction.mapped":
                guild, character = values["guild_id"], values["character_id"]
                values |= {"scope": "guild" if character is None else "character", "target": str(guild if character is None else character)}
                values["data"] = Jsonb({field: values.get(field) for field in ReactionSheet.model_fields})
            await connection.execute(sql(_STATEMENTS[name], schema), values)


_STATEMENTS = {
    "reaction.mapped": """
        INSERT INTO {schema}.mappings (scope, target, data, position) VALUES (%(scope)s, %(target)s, %(data)s, %(position)s)
        ON CONFLICT (scope, target) DO UPDATE SET data = excluded.data, position = excluded.position
    """,
    "reply.rated": """
        INSERT INTO {schema}.ratings (character, message_id, version, person, rating, model, preset, guild, position)
        VALUES (%(character_id)s, %(message_id)s, %(version)s, %(by_user_id)s, %(rating)s, %(model)s, %(preset_id)s, %(guild_id)s,
                %(position)s)
        ON CONFLICT (version, person) DO UPDATE SET rating = excluded.rating, position = excluded.position
    """,
    "reply.unrated": "DELETE FROM {schema}.ratings WHERE version = %(version)s AND person = %(by_user_id)s",
    "reply.reported": """
        INSERT INTO {schema}.reports (position, character, message_id, version, channel, guild, person, at, subject, event_id,
                                      schema_version, sealed)
        VALUES (%(position)s, %(character_id)s, %(message_id)s, %(version)s, %(channel_id)s, %(guild_id)s, %(by_user_id)s, %(at)s,
                %(subject)s, %(event_id)s, %(schema_version)s, %(sealed)s)
    """,
}


async def sheet_of(
    connection: AsyncConnection, *, guild: int | None = None, character: UUID | None = None, schema: str = "reactions"
) -> ReactionSheet | None:
    """What is set for a server or for a character; None where nothing ever was."""
    scope, target = ("guild", str(guild)) if character is None else ("character", str(character))
    statement = sql("SELECT data FROM {schema}.mappings WHERE scope = %s AND target = %s", schema)
    row = await (await connection.execute(statement, (scope, target))).fetchone()
    return None if row is None else ReactionSheet.model_validate(row[0])


async def acts(connection: AsyncConnection, guild: int | None, character: UUID, *, schema: str = "reactions") -> dict[str, Act]:
    """What each emoji does to a character's reply: the server's word counts more than the character's."""
    of_character = await sheet_of(connection, character=character, schema=schema)
    of_guild = await sheet_of(connection, guild=guild, schema=schema) if guild is not None else None
    return mapping(of_character, of_guild)


@dataclass(frozen=True, slots=True)
class Rated:
    """How often replies of a character, by a model and a preset, were called good and bad."""

    character: UUID
    model: str | None
    preset: UUID | None
    good: int
    bad: int


async def counts(connection: AsyncConnection, *, character: UUID | None = None, schema: str = "reactions") -> list[Rated]:
    """Ratings by character, model and preset; the most rated first."""
    statement = """
    SELECT character, model, preset, count(*) FILTER (WHERE rating = 'good')::int AS good,
           count(*) FILTER (WHERE rating = 'bad')::int AS bad
    FROM {schema}.ratings WHERE %(character)s::uuid IS NULL OR character = %(character)s
    GROUP BY character, model, preset ORDER BY count(*) DESC, character, model, preset
    """
    async with connection.cursor(row_factory=class_row(Rated)) as cursor:
        await cursor.execute(sql(statement, schema), {"character": character})
        return await cursor.fetchall()


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's rating of one version."""

    character: UUID
    message_id: int
    version: UUID
    person: int
    rating: str
    model: str | None
    preset: UUID | None


async def votes(
    connection: AsyncConnection, *, versions: Sequence[UUID] | None = None, limit: int = 100_000, schema: str = "reactions"
) -> list[Vote]:
    """Every rating, or those of some versions, in the order of the log."""
    statement = """
    SELECT character, message_id, version, person, rating, model, preset FROM {schema}.ratings
    WHERE %(versions)s::uuid[] IS NULL OR version = ANY(%(versions)s) ORDER BY position LIMIT %(limit)s
    """
    async with connection.cursor(row_factory=class_row(Vote)) as cursor:
        await cursor.execute(sql(statement, schema), {"versions": None if versions is None else list(versions), "limit": limit})
        return await cursor.fetchall()


@dataclass(frozen=True, slots=True)
class ReportOf:
    """A report of a version; the text is empty once its author was erased."""

    position: int
    character: UUID
    message_id: int
    version: UUID
    channel: int
    guild: int | None
    person: int
    at: datetime
    text: str


async def reports(connection: AsyncConnection, vault: Vault, *, limit: int = 100, schema: str = "reactions") -> list[ReportOf]:
    """The latest reports, newest first."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("SELECT * FROM {schema}.reports ORDER BY position DESC LIMIT %s", schema), (limit,))
        rows = await cursor.fetchall()
    keys = await vault.keys({row["subject"] for row in rows})
    return [_opened(row, keys) for row in rows]


def _opened(row: Mapping[str, Any], keys: Mapping[str, DataKey]) -> ReportOf:
    key = keys.get(row["subject"])
    fields = {} if key is None else open_fields(row["sealed"], key, row["event_id"], "reply.reported", row["schema_version"])
    kept = ("position", "character", "message_id", "version", "channel", "guild", "person", "at")
    return ReportOf(**{name: row[name] for name in kept}, text=str(fields.get("text", "")))


REACTIONS = Reactions()
