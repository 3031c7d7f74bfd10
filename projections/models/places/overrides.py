"""Which preset was chosen for one place: a person with a character, a channel, or a server (C4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine.decide.cascade import Resolved
from engine.store import Stored
from engine.vault import Vault
from projections import unchanged
from projections.base import Projection, clear, sql
from projections.models import catalog
from projections.models.catalog_items import Override
from projections.models.catalog_items import Overrides as Overrides

NOBODY, NO_CHARACTER = 0, UUID(int=0)
"""Stand for no person, channel or server, and for no character."""


class PresetOverrides(Projection):
    name = "overrides"
    version = 1
    types = frozenset({"preset.override_chosen"})
    ddl = """
    CREATE TABLE {schema}.overrides (
        person bigint NOT NULL,
        character uuid NOT NULL,
        channel bigint NOT NULL,
        guild bigint NOT NULL,
        preset uuid,
        chosen_by bigint NOT NULL,
        PRIMARY KEY (person, character, channel, guild)
    );
    CREATE INDEX ON {schema}.overrides (guild) WHERE guild <> 0;
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            said = clear(row)
            values: dict[str, object] = {"person": said.get("user_id") or NOBODY, "character": said.get("character_id") or NO_CHARACTER}
            values |= {"channel": said.get("channel_id") or NOBODY, "guild": said.get("guild_id") or NOBODY}
            values |= {"preset": said.get("preset_id"), "chosen_by": said["chosen_by"]}
            await connection.execute(sql(_CHOSEN, schema), values)


_CHOSEN = """
INSERT INTO {schema}.overrides (person, character, channel, guild, preset, chosen_by)
VALUES (%(person)s, %(character)s, %(channel)s, %(guild)s, %(preset)s, %(chosen_by)s)
ON CONFLICT (person, character, channel, guild) DO UPDATE SET preset = excluded.preset, chosen_by = excluded.chosen_by
"""
_HELD = """
SELECT channel, guild, preset, chosen_by FROM {schema}.overrides WHERE preset IS NOT NULL
AND ((person = %(person)s AND character = %(character)s AND guild = 0) OR (guild <> 0 AND guild = %(guild)s))
"""
_ALL = """
SELECT person, character, channel, guild, preset, chosen_by FROM {schema}.overrides WHERE preset IS NOT NULL
AND (%(person)s::bigint IS NULL OR person = %(person)s) ORDER BY guild, channel, person, character
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One choice. 0 and NO_CHARACTER stand for none."""

    person: int
    character: UUID
    channel: int
    guild: int
    preset: UUID
    chosen_by: int


@dataclass(frozen=True, slots=True)
class Held:
    """What was chosen by a person for a character, for their server, and for channels of it."""

    with_character: Override | None = None
    server: Override | None = None
    channels: Mapping[int, Override] = field(default_factory=dict)

    def at(self, *places: int | None) -> Overrides:
        """What holds in a channel: its own, else that of the one it is a thread of."""
        own = next((self.channels[place] for place in places if place is not None and place in self.channels), None)
        return Overrides(self.with_character, own, self.server)


async def held(connection: AsyncConnection, person: int, character: UUID | None, guild: int | None, *, schema: str = "overrides") -> Held:
    """What was chosen where a person talks with a character."""
    values = {"person": person, "character": character or NO_CHARACTER, "guild": guild or NOBODY}
    rows = await unchanged.rows(connection, [schema], sql(_HELD, schema), values)
    found = {(row[0], row[1]): Override(row[2], row[3]) for row in rows}
    own, server = found.pop((NOBODY, NOBODY), None), found.pop((NOBODY, guild or NOBODY), None)
    return Held(own, server, {channel: override for (channel, _), override in found.items()})


async def everywhere(connection: AsyncConnection, person: int | None = None, *, schema: str = "overrides") -> list[Row]:
    """Every choice that holds, or those of one person with characters."""
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(sql(_ALL, schema), {"person": person})
        return await cursor.fetchall()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is asked: a channel, the one it is a thread of, and their server; none of them for anywhere."""

    guild: int | None = None
    channel: int | None = None
    parent: int | None = None


ANYWHERE = Place()


async def answering(
    connection: AsyncConnection, vault: Vault, person: int, character: UUID | None, place: Place = ANYWHERE
) -> Resolved[catalog.Preset] | None:
    """Which preset answers a person, and the tier that chose it; None: the one that is built in."""
    defaults = await catalog.defaults(connection, person)
    one = await catalog.character(connection, vault, character) if character is not None else None
    own = one.preset if one else None
    chosen = (await held(connection, person, character, place.guild)).at(place.channel, place.parent)
    known = await catalog.answering(connection, vault, (own, defaults.own, defaults.everybody, *chosen.presets))
    return catalog.decided(known, own, defaults, person, chosen)


OVERRIDES = PresetOverrides()
