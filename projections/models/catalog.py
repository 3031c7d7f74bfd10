"""The characters and presets as they are now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from engine.events.character import Description
from engine.events.preset import Parameters, Window
from engine.store import Stored
from engine.store.codec import ERASED, open_fields
from engine.vault import Vault
from projections.base import Projection, clear, sql


class Catalog(Projection):
    name = "catalog"
    version = 2
    types = frozenset(f"{kind}.{what}" for kind in ("character", "preset") for what in ("created", "edited", "deleted", "restored"))
    ddl = """
    CREATE TABLE {schema}.characters (
        character uuid PRIMARY KEY,
        slug text COLLATE "C" NOT NULL,
        owner_id bigint,
        visibility text NOT NULL,
        preset uuid,
        deleted boolean NOT NULL DEFAULT false,
        position bigint NOT NULL,
        subject text NOT NULL,
        event_id uuid NOT NULL,
        event_type text NOT NULL,
        sealed bytea NOT NULL
    );
    CREATE INDEX ON {schema}.characters (slug) WHERE NOT deleted;
    CREATE INDEX ON {schema}.characters (owner_id);
    CREATE TABLE {schema}.presets (
        preset uuid PRIMARY KEY,
        owner_id bigint,
        model text NOT NULL,
        is_global boolean NOT NULL,
        is_default boolean NOT NULL,
        is_free_default boolean NOT NULL,
        data jsonb NOT NULL,
        deleted boolean NOT NULL DEFAULT false,
        position bigint NOT NULL,
        subject text NOT NULL,
        event_id uuid NOT NULL,
        event_type text NOT NULL,
        sealed bytea NOT NULL
    );
    CREATE INDEX ON {schema}.presets (owner_id);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            statement, parameters = _change(row)
            await connection.execute(sql(statement, schema), parameters)


_CHARACTER = """
INSERT INTO {schema}.characters (character, slug, owner_id, visibility, preset, position, subject, event_id, event_type, sealed)
VALUES (%(character)s, %(slug)s, %(owner)s, %(visibility)s, %(preset)s, %(position)s, %(subject)s, %(event_id)s, %(event_type)s, %(sealed)s)
ON CONFLICT (character) DO UPDATE SET slug = excluded.slug, owner_id = excluded.owner_id, visibility = excluded.visibility,
    preset = excluded.preset, position = excluded.position, subject = excluded.subject, event_id = excluded.event_id,
    event_type = excluded.event_type, sealed = excluded.sealed
"""
_PRESET = """
INSERT INTO {schema}.presets (preset, owner_id, model, is_global, is_default, is_free_default, data, position, subject, event_id,
                              event_type, sealed)
VALUES (%(preset)s, %(owner)s, %(model)s, %(is_global)s, %(is_default)s, %(is_free_default)s, %(data)s, %(position)s, %(subject)s,
        %(event_id)s, %(event_type)s, %(sealed)s)
ON CONFLICT (preset) DO UPDATE SET owner_id = excluded.owner_id, model = excluded.model, is_global = excluded.is_global,
    is_default = excluded.is_default, is_free_default = excluded.is_free_default, data = excluded.data, position = excluded.position,
    subject = excluded.subject, event_id = excluded.event_id, event_type = excluded.event_type, sealed = excluded.sealed
"""


def _change(row: Stored) -> tuple[str, dict[str, object]]:
    data = clear(row)
    stored = {"position": row.position, "subject": row.subject, "event_id": row.id, "event_type": row.type, "sealed": row.sealed}
    match row.type:
        case "character.created" | "character.edited":
            return _CHARACTER, stored | {
                "character": data["character_id"],
                "slug": data["slug"],
                "owner": data.get("owner_id"),
                "visibility": data["visibility"],
                "preset": data.get("preset_id"),
            }
        case "character.deleted" | "character.restored":
            return "UPDATE {schema}.characters SET deleted = %(deleted)s, position = %(position)s WHERE character = %(character)s", {
                "character": data["character_id"],
                "deleted": row.type == "character.deleted",
                "position": row.position,
            }
        case "preset.created" | "preset.edited":
            return _PRESET, stored | {
                "preset": data["preset_id"],
                "owner": data.get("owner_id"),
                "model": data["model"],
                "is_global": data["is_global"],
                "is_default": data["is_default"],
                "is_free_default": data["is_free_default"],
                "data": Jsonb(data),
            }
        case "preset.deleted" | "preset.restored":
            return "UPDATE {schema}.presets SET deleted = %(deleted)s, position = %(position)s WHERE preset = %(preset)s", {
                "preset": data["preset_id"],
                "deleted": row.type == "preset.deleted",
                "position": row.position,
            }
        case _:
            raise ValueError(f"catalog does not know {row.type}")


@dataclass(frozen=True, slots=True)
class Character:
    """A character, opened. `erased`: its owner was erased, and its description with them."""

    id: UUID
    slug: str
    owner_id: int | None
    visibility: str
    preset: UUID | None
    position: int
    description: Description
    erased: bool = False

    @property
    def name(self) -> str:
        return self.description.name

    def usable_by(self, user_id: int) -> bool:
        """Whether this person may talk with it."""
        return self.visibility == "public" or self.owner_id == user_id


@dataclass(frozen=True, slots=True)
class Preset:
    """A model configuration, opened."""

    id: UUID
    owner_id: int | None
    name: str
    model: str
    fallback_models: tuple[str, ...]
    is_global: bool
    is_default: bool
    is_free_default: bool
    parameters: Parameters
    window: Window
    show_thinking: bool
    stream: bool
    position: int


@dataclass(frozen=True, slots=True)
class _CharacterRow:
    character: UUID
    slug: str
    owner_id: int | None
    visibility: str
    preset: UUID | None
    position: int
    subject: str
    event_id: UUID
    event_type: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class _PresetRow:
    preset: UUID
    data: dict[str, Any]
    position: int
    subject: str
    event_id: UUID
    event_type: str
    sealed: bytes


_CHARACTER_COLUMNS = "character, slug, owner_id, visibility, preset, position, subject, event_id, event_type, sealed"
_PRESET_COLUMNS = "preset, data, position, subject, event_id, event_type, sealed"


async def characters(connection: AsyncConnection, vault: Vault, *, schema: str = "catalog") -> list[Character]:
    """Every character that is not deleted, by slug."""
    return await _characters(connection, vault, "NOT deleted ORDER BY slug, character", {}, schema)


async def revision(connection: AsyncConnection, *, schema: str = "catalog") -> int:
    """Position of the newest change to any character: as long as it stays, what was read of them before still holds."""
    row = await (await connection.execute(sql("SELECT coalesce(max(position), 0) FROM {schema}.characters", schema))).fetchone()
    return int(row[0]) if row else 0


async def character(connection: AsyncConnection, vault: Vault, character_id: UUID, *, schema: str = "catalog") -> Character | None:
    found = await _characters(connection, vault, "character = %(id)s AND NOT deleted", {"id": character_id}, schema)
    return found[0] if found else None


async def by_slug(connection: AsyncConnection, vault: Vault, slug: str, *, schema: str = "catalog") -> Character | None:
    found = await _characters(connection, vault, "slug = %(slug)s AND NOT deleted ORDER BY position LIMIT 1", {"slug": slug}, schema)
    return found[0] if found else None


async def preset(connection: AsyncConnection, vault: Vault, preset_id: UUID, *, schema: str = "catalog") -> Preset | None:
    found = await _presets(connection, vault, "preset = %(id)s AND NOT deleted", {"id": preset_id}, schema)
    return found[0] if found else None


async def presets(connection: AsyncConnection, vault: Vault, *, schema: str = "catalog") -> list[Preset]:
    """Every preset that is not deleted, oldest first."""
    return await _presets(connection, vault, "NOT deleted ORDER BY position", {}, schema)


async def answering(connection: AsyncConnection, vault: Vault, preset_id: UUID | None, *, schema: str = "catalog") -> list[Preset]:
    """What may answer a character with this preset: that one, the global defaults and those for people without a key, oldest first."""
    where = "NOT deleted AND (preset = %(id)s OR (is_global AND (is_default OR is_free_default))) ORDER BY position"
    return await _presets(connection, vault, where, {"id": preset_id}, schema)


async def default_preset(connection: AsyncConnection, vault: Vault, *, schema: str = "catalog") -> Preset | None:
    """The global default: the newest preset marked so."""
    found = await _presets(connection, vault, "is_global AND is_default AND NOT deleted ORDER BY position DESC LIMIT 1", {}, schema)
    return found[0] if found else None


async def _characters(connection: AsyncConnection, vault: Vault, where: str, parameters: dict[str, object], schema: str) -> list[Character]:
    async with connection.cursor(row_factory=class_row(_CharacterRow)) as cursor:
        await cursor.execute(sql(f"SELECT {_CHARACTER_COLUMNS} FROM {{schema}}.characters WHERE {where}", schema), parameters)
        rows = await cursor.fetchall()
    keys = await vault.keys({row.subject for row in rows})
    return [
        _to_character(row, open_fields(row.sealed, key, row.event_id, row.event_type) if (key := keys.get(row.subject)) else None)
        for row in rows
    ]


def _to_character(row: _CharacterRow, fields: dict[str, Any] | None) -> Character:
    description = Description.model_validate(fields["description"]) if fields else Description(name=ERASED)
    return Character(row.character, row.slug, row.owner_id, row.visibility, row.preset, row.position, description, erased=fields is None)


async def _presets(connection: AsyncConnection, vault: Vault, where: str, parameters: dict[str, object], schema: str) -> list[Preset]:
    async with connection.cursor(row_factory=class_row(_PresetRow)) as cursor:
        await cursor.execute(sql(f"SELECT {_PRESET_COLUMNS} FROM {{schema}}.presets WHERE {where}", schema), parameters)
        rows = await cursor.fetchall()
    keys = await vault.keys({row.subject for row in rows})
    return [
        _to_preset(row, open_fields(row.sealed, key, row.event_id, row.event_type) if (key := keys.get(row.subject)) else None)
        for row in rows
    ]


def _to_preset(row: _PresetRow, fields: dict[str, Any] | None) -> Preset:
    data = row.data
    return Preset(
        id=row.preset,
        owner_id=data.get("owner_id"),
        name=fields["name"] if fields else ERASED,
        model=data["model"],
        fallback_models=tuple(data.get("fallback_models", ())),
        is_global=data["is_global"],
        is_default=data["is_default"],
        is_free_default=data["is_free_default"],
        parameters=Parameters.model_validate(data["parameters"]),
        window=Window.model_validate(data["window"]),
        show_thinking=data["show_thinking"],
        stream=data["stream"],
        position=row.position,
    )


CATALOG = Catalog()
