"""The characters and presets as they are now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from engine.events import class_of
from engine.events.base import Event
from engine.events.character import CharacterCreated
from engine.events.character import sheet as character_sheet
from engine.events.preset import PresetCreated
from engine.events.preset import sheet as preset_sheet
from engine.sealing import DataKey
from engine.store import Stored
from engine.store.codec import erased, open_stored
from engine.store.upcast import upcast
from engine.vault import Vault
from projections import unchanged
from projections.base import Projection, clear, sql, stored
from projections.models.catalog_items import Character as Character
from projections.models.catalog_items import Defaults as Defaults
from projections.models.catalog_items import Preset as Preset
from projections.models.catalog_items import chosen as chosen
from projections.models.catalog_items import decided as decided
from projections.models.catalog_items import users as users

EVERYBODY = -1
"""Stands for all people in the table of chosen defaults."""


class Catalog(Projection):
    name = "catalog"
    version = 5
    types = frozenset(
        {
            *(f"character.{what}" for what in ("created", "edited", "deleted", "restored")),
            *(f"preset.{what}" for what in ("created", "edited", "deleted", "restored", "default_chosen")),
        }
    )
    ddl = """
    CREATE TABLE {schema}.characters (
        character uuid PRIMARY KEY,
        slug text COLLATE "C" NOT NULL,
        owner_id bigint,
        data jsonb NOT NULL,
        deleted boolean NOT NULL DEFAULT false,
        made bigint NOT NULL,
        position bigint NOT NULL,
        subject text NOT NULL,
        event_id uuid NOT NULL,
        event_type text NOT NULL,
        schema_version integer NOT NULL,
        sealed bytea NOT NULL
    );
    CREATE INDEX ON {schema}.characters (slug) WHERE NOT deleted;
    CREATE INDEX ON {schema}.characters (owner_id);
    CREATE INDEX ON {schema}.characters (position);
    CREATE TABLE {schema}.presets (
        preset uuid PRIMARY KEY,
        owner_id bigint,
        is_global boolean NOT NULL,
        is_default boolean NOT NULL,
        is_free_default boolean NOT NULL,
        data jsonb NOT NULL,
        deleted boolean NOT NULL DEFAULT false,
        made bigint NOT NULL,
        position bigint NOT NULL,
        subject text NOT NULL,
        event_id uuid NOT NULL,
        event_type text NOT NULL,
        schema_version integer NOT NULL,
        sealed bytea NOT NULL
    );
    CREATE INDEX ON {schema}.presets (owner_id);
    CREATE TABLE {schema}.defaults (
        person bigint PRIMARY KEY,
        preset uuid,
        position bigint NOT NULL
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            statement, parameters = _change(row)
            await connection.execute(sql(statement, schema), parameters)


_CHARACTER = """
INSERT INTO {schema}.characters (character, slug, owner_id, data, made, position, subject, event_id, event_type, schema_version, sealed)
VALUES (%(character)s, %(slug)s, %(owner)s, %(data)s, %(position)s, %(position)s, %(subject)s, %(event_id)s, %(event_type)s,
        %(schema_version)s, %(sealed)s)
ON CONFLICT (character) DO UPDATE SET slug = excluded.slug, owner_id = excluded.owner_id, data = excluded.data,
    position = excluded.position, subject = excluded.subject, event_id = excluded.event_id, event_type = excluded.event_type,
    schema_version = excluded.schema_version, sealed = excluded.sealed
"""
_PRESET = """
INSERT INTO {schema}.presets (preset, owner_id, is_global, is_default, is_free_default, data, made, position, subject, event_id,
                              event_type, schema_version, sealed)
VALUES (%(preset)s, %(owner)s, %(is_global)s, %(is_default)s, %(is_free_default)s, %(data)s, %(position)s, %(position)s, %(subject)s,
        %(event_id)s, %(event_type)s, %(schema_version)s, %(sealed)s)
ON CONFLICT (preset) DO UPDATE SET owner_id = excluded.owner_id, is_global = excluded.is_global,
    is_default = excluded.is_default, is_free_default = excluded.is_free_default, data = excluded.data, position = excluded.position,
    subject = excluded.subject, event_id = excluded.event_id, event_type = excluded.event_type,
    schema_version = excluded.schema_version, sealed = excluded.sealed
"""
_DEFAULT = """
INSERT INTO {schema}.defaults (person, preset, position) VALUES (%(person)s, %(preset)s, %(position)s)
ON CONFLICT (person) DO UPDATE SET preset = excluded.preset, position = excluded.position
"""


def _change(row: Stored) -> tuple[str, dict[str, object]]:
    data, as_stored = clear(row), Jsonb(stored(row))
    common = {
        "position": row.position,
        "subject": row.subject,
        "event_id": row.id,
        "event_type": row.type,
        "schema_version": row.schema_version,
        "sealed": row.sealed,
        "owner": data.get("owner_id"),
    }
    match row.type:
        case "character.created" | "character.edited":
            return _CHARACTER, common | {"character": data["character_id"], "slug": data["slug"], "data": as_stored}
        case "character.deleted" | "character.restored":
            return "UPDATE {schema}.characters SET deleted = %(deleted)s, position = %(position)s WHERE character = %(character)s", {
                "character": data["character_id"],
                "deleted": row.type == "character.deleted",
                "position": row.position,
            }
        case "preset.created" | "preset.edited":
            flags = {name: data[name] for name in ("is_global", "is_default", "is_free_default")}
            return _PRESET, common | flags | {"preset": data["preset_id"], "data": as_stored}
        case "preset.deleted" | "preset.restored":
            return "UPDATE {schema}.presets SET deleted = %(deleted)s, position = %(position)s WHERE preset = %(preset)s", {
                "preset": data["preset_id"],
                "deleted": row.type == "preset.deleted",
                "position": row.position,
            }
        case "preset.default_chosen":
            person = EVERYBODY if data["user_id"] is None else data["user_id"]
            return _DEFAULT, {"person": person, "preset": data["preset_id"], "position": row.position}
        case _:
            raise ValueError(f"catalog does not know {row.type}")


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    owner_id: int | None
    data: dict[str, Any]
    made: int
    position: int
    subject: str
    event_id: UUID
    event_type: str
    schema_version: int
    sealed: bytes


_COLUMNS = "owner_id, data, made, position, subject, event_id, event_type, schema_version, sealed"


async def characters(connection: AsyncConnection, vault: Vault, *, schema: str = "catalog") -> list[Character]:
    """Every character that is not deleted, by slug."""
    return await _characters(connection, vault, "NOT deleted ORDER BY slug, character", {}, schema)


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of characters: those that are as given now, and those that were deleted. `revision`: the position of the last change."""

    characters: list[Character]
    gone: list[UUID]
    revision: int


async def changed_since(connection: AsyncConnection, vault: Vault, revision: int, *, schema: str = "catalog") -> Changed | None:
    """The changes to characters after a position (-1: everything there is); None when there are none. Costs what changed."""
    statement = "SELECT character, deleted, position FROM {schema}.characters WHERE position > %s"
    rows = await (await connection.execute(sql(statement, schema), (revision,))).fetchall()
    if not rows:
        return None
    standing = await _characters(connection, vault, "position > %(after)s AND NOT deleted", {"after": revision}, schema)
    gone = {row[0] for row in rows} - {character.id for character in standing}
    return Changed(standing, sorted(gone), max(row[2] for row in rows))


async def character(connection: AsyncConnection, vault: Vault, character_id: UUID, *, schema: str = "catalog") -> Character | None:
    found = await _characters(connection, vault, "character = %(id)s AND NOT deleted", {"id": character_id}, schema)
    return found[0] if found else None


async def described(connection: AsyncConnection, characters: Collection[UUID], *, schema: str = "catalog") -> dict[UUID, int]:
    """Position of the last change of each of these characters that are not deleted: what they are stands there or before."""
    statement = sql("SELECT character, position FROM {schema}.characters WHERE character = ANY(%s) AND NOT deleted", schema)
    return {row[0]: row[1] for row in await unchanged.rows(connection, [schema], statement, (sorted(characters),))} if characters else {}


async def by_slug(connection: AsyncConnection, vault: Vault, slug: str, *, schema: str = "catalog") -> Character | None:
    found = await _characters(connection, vault, "slug = %(slug)s AND NOT deleted ORDER BY made LIMIT 1", {"slug": slug}, schema)
    return found[0] if found else None


async def preset(connection: AsyncConnection, vault: Vault, preset_id: UUID, *, schema: str = "catalog") -> Preset | None:
    found = await _presets(connection, vault, "preset = %(id)s AND NOT deleted", {"id": preset_id}, schema)
    return found[0] if found else None


async def presets(connection: AsyncConnection, vault: Vault, *, schema: str = "catalog") -> list[Preset]:
    """Every preset that is not deleted, oldest first."""
    return await _presets(connection, vault, "NOT deleted ORDER BY made", {}, schema)


async def answering(
    connection: AsyncConnection, vault: Vault, ids: Collection[UUID | None] = (), *, schema: str = "catalog"
) -> list[Preset]:
    """What may answer: presets with these ids, the global defaults and those for people without a key, oldest first."""
    where = "NOT deleted AND (preset = ANY(%(ids)s) OR (is_global AND (is_default OR is_free_default))) ORDER BY made"
    return await _presets(connection, vault, where, {"ids": [id_ for id_ in ids if id_ is not None]}, schema)


async def default_preset(connection: AsyncConnection, vault: Vault, *, schema: str = "catalog") -> Preset | None:
    """The global default: the newest preset marked so."""
    found = await _presets(connection, vault, "is_global AND is_default AND NOT deleted ORDER BY made DESC LIMIT 1", {}, schema)
    return found[0] if found else None


async def deleted(connection: AsyncConnection, vault: Vault, kind: Literal["character", "preset"]) -> list[tuple[UUID, str]]:
    """Id and name of what was deleted, the newest last."""
    if kind == "character":
        return [(c.id, c.name) for c in await _characters(connection, vault, "deleted ORDER BY position", {}, "catalog") if not c.erased]
    return [(p.id, p.name) for p in await _presets(connection, vault, "deleted ORDER BY position", {}, "catalog") if not p.erased]


async def defaults(connection: AsyncConnection, user_id: int, *, schema: str = "catalog") -> Defaults:
    """Which presets were chosen as defaults; such a preset may have been deleted since."""
    statement = sql("SELECT person, preset FROM {schema}.defaults WHERE person = ANY(%(people)s)", schema)
    found = {row[0]: row[1] for row in await unchanged.rows(connection, [schema], statement, {"people": [user_id, EVERYBODY]})}
    return Defaults(own=found.get(user_id), everybody=found.get(EVERYBODY))


async def _characters(connection: AsyncConnection, vault: Vault, where: str, parameters: dict[str, object], schema: str) -> list[Character]:
    opened = await _opened(connection, vault, f"character AS id, {_COLUMNS} FROM {{schema}}.characters WHERE {where}", parameters, schema)
    return [
        Character(row.id, row.owner_id, row.position, character_sheet(event), gone, row.subject, row.made)
        for row, event, gone in opened
        if isinstance(event, CharacterCreated)
    ]


async def _presets(connection: AsyncConnection, vault: Vault, where: str, parameters: dict[str, object], schema: str) -> list[Preset]:
    opened = await _opened(connection, vault, f"preset AS id, {_COLUMNS} FROM {{schema}}.presets WHERE {where}", parameters, schema)
    return [
        Preset(row.id, row.owner_id, row.position, preset_sheet(event), gone)
        for row, event, gone in opened
        if isinstance(event, PresetCreated)
    ]


async def _opened(
    connection: AsyncConnection, vault: Vault, select: str, parameters: dict[str, object], schema: str
) -> list[tuple[_Row, Event, bool]]:
    """The rows, the last event of each brought to today's schema, and whether its text is gone."""
    rows = [_Row(*row) for row in await unchanged.rows(connection, [schema], sql(f"SELECT {select}", schema), parameters)]
    found = await vault.keys({row.subject for row in rows})
    return [(row, *_event(row, found.get(row.subject))) for row in rows]


def _event(row: _Row, key: DataKey | None) -> tuple[Event, bool]:
    cls = class_of(row.event_type, row.schema_version)
    if key is None:
        return erased(cls, upcast(row.event_type, row.schema_version, dict(row.data))), True
    fields = row.data | open_stored(row.sealed, key, row.event_id, row.event_type)
    return cls.model_validate(upcast(row.event_type, row.schema_version, fields)), False


CATALOG = Catalog()
