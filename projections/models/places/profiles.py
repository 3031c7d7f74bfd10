"""How people present themselves to characters: the profile of each, and those for one character."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from engine.events import class_of
from engine.events.profile import ProfileEdited
from engine.events.profile import sheet as sheet_of
from engine.resources.places.profile import NOBODY, ProfileSheet
from engine.store import Stored
from engine.store.codec import open_stored
from engine.store.upcast import upcast
from engine.vault import Vault
from projections import unchanged
from projections.base import Projection, clear, sql, stored

GENERAL = UUID(int=0)
"""Stands for no character."""


class Profiles(Projection):
    name = "profiles"
    version = 1
    types = frozenset({"profile.edited"})
    ddl = """
    CREATE TABLE {schema}.profiles (
        person bigint NOT NULL,
        character uuid NOT NULL,
        data jsonb NOT NULL,
        position bigint NOT NULL,
        subject text NOT NULL,
        event_id uuid NOT NULL,
        event_type text NOT NULL,
        schema_version integer NOT NULL,
        sealed bytea NOT NULL,
        PRIMARY KEY (person, character)
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            said = clear(row)
            values = {"person": said["user_id"], "character": said["character_id"] or GENERAL, "data": Jsonb(stored(row))}
            values |= {"position": row.position, "subject": row.subject, "event_id": row.id, "event_type": row.type}
            values |= {"schema_version": row.schema_version, "sealed": row.sealed}
            await connection.execute(sql(_EDITED, schema), values)


_EDITED = """
INSERT INTO {schema}.profiles (person, character, data, position, subject, event_id, event_type, schema_version, sealed)
VALUES (%(person)s, %(character)s, %(data)s, %(position)s, %(subject)s, %(event_id)s, %(event_type)s, %(schema_version)s, %(sealed)s)
ON CONFLICT (person, character) DO UPDATE SET data = excluded.data, position = excluded.position, subject = excluded.subject,
    event_id = excluded.event_id, event_type = excluded.event_type, schema_version = excluded.schema_version, sealed = excluded.sealed
"""


_COLUMNS = ("character", "data", "subject", "event_id", "event_type", "schema_version", "sealed")


@dataclass(frozen=True, slots=True)
class Profile:
    """A person's general profile, and the one with a character."""

    own: ProfileSheet = NOBODY
    with_character: ProfileSheet = NOBODY


async def positions(connection: AsyncConnection, person: int, character: UUID | None, *, schema: str = "profiles") -> dict[UUID, int]:
    """Positions of the last changes of a person's general profile and of that with a character, by character; GENERAL for the first."""
    statement = "SELECT character, position FROM {schema}.profiles WHERE person = %s AND character = ANY(%s)"
    return dict(await unchanged.rows(connection, [schema], sql(statement, schema), (person, [GENERAL, character or GENERAL])))


async def profile(
    connection: AsyncConnection, vault: Vault, person: int, character: UUID | None = None, *, schema: str = "profiles"
) -> Profile:
    """What a person set, opened; nothing of an erased one."""
    statement = f"SELECT {', '.join(_COLUMNS)} FROM {{schema}}.profiles WHERE person = %s AND character = ANY(%s)"
    held = await unchanged.rows(connection, [schema], sql(statement, schema), (person, [GENERAL, character or GENERAL]))
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in held]
    keys = await vault.keys({row["subject"] for row in rows})
    found = {row["character"]: _opened(row, keys[row["subject"]]) for row in rows if row["subject"] in keys}
    return Profile(found.get(GENERAL, NOBODY), found.get(character, NOBODY) if character is not None else NOBODY)


async def all_of(connection: AsyncConnection, vault: Vault, person: int, *, schema: str = "profiles") -> dict[UUID, ProfileSheet]:
    """A person's profiles by character, opened; GENERAL's is the general one. Nothing of an erased one."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        statement = "SELECT * FROM {schema}.profiles WHERE person = %s ORDER BY character"
        rows = await (await cursor.execute(sql(statement, schema), (person,))).fetchall()
    keys = await vault.keys({row["subject"] for row in rows})
    return {row["character"]: _opened(row, keys[row["subject"]]) for row in rows if row["subject"] in keys}


def _opened(row: dict[str, Any], key: Any) -> ProfileSheet:
    fields = row["data"] | open_stored(row["sealed"], key, row["event_id"], row["event_type"])
    event = class_of(row["event_type"], row["schema_version"]).model_validate(upcast(row["event_type"], row["schema_version"], fields))
    assert isinstance(event, ProfileEdited)
    return sheet_of(event)


PROFILES = Profiles()
