"""The personas people have, and which of them each person was where, since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from engine.events import class_of
from engine.events.persona import PersonaCreated
from engine.events.persona import sheet as sheet_of
from engine.resources.places.persona import PersonaSheet
from engine.sealing import DataKey
from engine.store import Stored
from engine.store.codec import open_stored
from engine.store.upcast import upcast
from engine.vault import Vault
from projections import unchanged
from projections.base import Projection, clear, sql, stored

Chosen = Literal["everywhere", "server", "character"]
ANYONE = UUID(int=0)
"""Stands for no character."""


class Personas(Projection):
    name = "personas"
    version = 1
    types = frozenset(f"persona.{what}" for what in ("created", "edited", "deleted", "restored", "chosen"))
    ddl = """
    CREATE TABLE {schema}.personas (
        persona uuid PRIMARY KEY,
        owner_id bigint NOT NULL,
        share_memory boolean NOT NULL,
        deleted boolean NOT NULL DEFAULT false,
        data jsonb NOT NULL,
        made bigint NOT NULL,
        position bigint NOT NULL,
        subject text NOT NULL,
        event_id uuid NOT NULL,
        event_type text NOT NULL,
        schema_version integer NOT NULL,
        sealed bytea NOT NULL
    );
    CREATE INDEX ON {schema}.personas (owner_id);
    CREATE TABLE {schema}.worn (
        person bigint NOT NULL,
        guild bigint NOT NULL,
        character uuid NOT NULL,
        since bigint NOT NULL,
        persona uuid,
        PRIMARY KEY (person, guild, character, since)
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            said = clear(row)
            values: dict[str, object] = {"persona": said["persona_id"], "position": row.position}
            if row.type == "persona.chosen":
                values |= {"person": said["user_id"], "guild": said.get("guild_id") or 0, "character": said.get("character_id") or ANYONE}
                await connection.execute(sql(_CHOSEN, schema), values)
            elif row.type in ("persona.deleted", "persona.restored"):
                await connection.execute(sql(_GONE, schema), values | {"deleted": row.type == "persona.deleted"})
            else:
                values |= {"owner": said["owner_id"], "share_memory": said.get("share_memory", True), "data": Jsonb(stored(row))}
                values |= {"subject": row.subject, "event_id": row.id, "event_type": row.type}
                values |= {"schema_version": row.schema_version, "sealed": row.sealed}
                await connection.execute(sql(_SAID, schema), values)


_SAID = """
INSERT INTO {schema}.personas (persona, owner_id, share_memory, data, made, position, subject, event_id, event_type, schema_version, sealed)
VALUES (%(persona)s, %(owner)s, %(share_memory)s, %(data)s, %(position)s, %(position)s, %(subject)s, %(event_id)s, %(event_type)s,
        %(schema_version)s, %(sealed)s)
ON CONFLICT (persona) DO UPDATE SET share_memory = excluded.share_memory, data = excluded.data, position = excluded.position,
    subject = excluded.subject, event_id = excluded.event_id, event_type = excluded.event_type,
    schema_version = excluded.schema_version, sealed = excluded.sealed
"""
_GONE = "UPDATE {schema}.personas SET deleted = %(deleted)s WHERE persona = %(persona)s"
_CHOSEN = """
INSERT INTO {schema}.worn (person, guild, character, since, persona)
VALUES (%(person)s, %(guild)s, %(character)s, %(position)s, %(persona)s)
ON CONFLICT (person, guild, character, since) DO UPDATE SET persona = excluded.persona
"""


@dataclass(frozen=True, slots=True)
class Persona:
    """A persona, opened. `position`: of its last change."""

    id: UUID
    owner_id: int
    position: int
    sheet: PersonaSheet


@dataclass(frozen=True, slots=True)
class Worn:
    """Who a person is somewhere: the persona, by which choice, and the position of its last change."""

    persona: UUID
    chosen: Chosen
    position: int


async def of(connection: AsyncConnection, vault: Vault, person: int | None, *, schema: str = "personas") -> list[Persona]:
    """A person's personas, or everybody's, oldest first. Those of erased people are gone."""
    statement = "SELECT * FROM {schema}.personas WHERE NOT deleted AND (%(person)s::bigint IS NULL OR owner_id = %(person)s) ORDER BY made"
    return await _opened(connection, vault, statement, {"person": person}, schema)


async def deleted(connection: AsyncConnection, vault: Vault, *, schema: str = "personas") -> list[Persona]:
    """Those that were deleted."""
    return await _opened(connection, vault, "SELECT * FROM {schema}.personas WHERE deleted ORDER BY position", {}, schema)


async def one(connection: AsyncConnection, vault: Vault, persona: UUID, *, schema: str = "personas") -> Persona | None:
    """One of them; None when it was deleted or its owner erased."""
    statement = "SELECT * FROM {schema}.personas WHERE NOT deleted AND persona = %(persona)s"
    return next(iter(await _opened(connection, vault, statement, {"persona": persona}, schema)), None)


async def worn(
    connection: AsyncConnection, person: int, guild: int | None, character: UUID | None, *, schema: str = "personas"
) -> Worn | None:
    """Who a person is for a character in a server: chosen for the character, else for the server, else everywhere. None: themselves."""
    values = {"person": person, "guild": guild or 0, "character": character or ANYONE}
    found = {(row[0], row[1]): row for row in await unchanged.rows(connection, [schema], sql(_WORN, schema), values)}
    places: list[tuple[Chosen, tuple[int, UUID]]] = [("everywhere", (0, ANYONE))]
    places += [("server", (guild, ANYONE))] if guild is not None else []
    places += [("character", (0, character))] if character is not None else []
    held = ((chosen, found[place]) for chosen, place in reversed(places) if place in found)
    return next((Worn(row[2], chosen, row[3]) for chosen, row in held), None)


async def choices(connection: AsyncConnection, person: int, *, schema: str = "personas") -> dict[UUID, list[tuple[int, UUID]]]:
    """Where a person is which persona: its id to (server or 0, character or ANYONE)."""
    cursor = await connection.execute(sql(_CHOICES, schema), {"person": person})
    found: dict[UUID, list[tuple[int, UUID]]] = {}
    for guild, character, persona in await cursor.fetchall():
        found.setdefault(persona, []).append((guild, character))
    return found


_LAST = """
SELECT DISTINCT ON (w.guild, w.character) w.guild, w.character, w.persona FROM {schema}.worn w
WHERE w.person = %(person)s ORDER BY w.guild, w.character, w.since DESC
"""
_WORN = f"""
SELECT l.guild, l.character, p.persona, p.position FROM ({_LAST}) l
JOIN {{schema}}.personas p ON p.persona = l.persona AND NOT p.deleted AND p.owner_id = %(person)s
WHERE (l.guild, l.character) IN ((0, %(character)s), (%(guild)s, '{ANYONE}'), (0, '{ANYONE}'))
"""
_CHOICES = f"""
SELECT l.guild, l.character, p.persona FROM ({_LAST}) l
JOIN {{schema}}.personas p ON p.persona = l.persona AND NOT p.deleted ORDER BY l.guild, l.character
"""


async def _opened(connection: AsyncConnection, vault: Vault, statement: str, values: dict[str, Any], schema: str) -> list[Persona]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(sql(statement, schema), values)).fetchall()
    keys = await vault.keys({row["subject"] for row in rows})
    open_ones = [(row, keys[row["subject"]]) for row in rows if row["subject"] in keys]
    return [Persona(row["persona"], row["owner_id"], row["position"], _sheet(row, key)) for row, key in open_ones]


def _sheet(row: dict[str, Any], key: DataKey) -> PersonaSheet:
    fields = row["data"] | open_stored(row["sealed"], key, row["event_id"], row["event_type"])
    event = class_of(row["event_type"], row["schema_version"]).model_validate(upcast(row["event_type"], row["schema_version"], fields))
    assert isinstance(event, PersonaCreated)
    return sheet_of(event)


PERSONAS = Personas()
