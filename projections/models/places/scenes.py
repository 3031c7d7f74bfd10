"""Who is there in which channel, from which message on, and who sees what was said (A18)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from engine.store import Stored
from projections.base import Projection, clear, sql


class Scenes(Projection):
    name = "scenes"
    version = 1
    types = frozenset({"scene.presence_marked", "scene.narrator_chosen", "message.whispered"})
    ddl = """
    CREATE TABLE {schema}.presence (
        channel bigint NOT NULL,
        character uuid NOT NULL,
        at bigint NOT NULL,
        present boolean NOT NULL,
        PRIMARY KEY (channel, character, at)
    );
    CREATE TABLE {schema}.narrators (
        channel bigint NOT NULL,
        character uuid NOT NULL,
        PRIMARY KEY (channel, character)
    );
    CREATE TABLE {schema}.whispers (
        message_id bigint NOT NULL,
        character uuid NOT NULL,
        PRIMARY KEY (message_id, character)
    );
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            values: dict[str, Any] = clear(row)
            await connection.execute(sql(_statement(row.type, values), schema), values)


def _statement(type_: str, values: dict[str, Any]) -> str:
    if type_ == "message.whispered":
        return "INSERT INTO {schema}.whispers SELECT %(message_id)s, unnest(%(to)s::uuid[]) ON CONFLICT DO NOTHING"
    if type_ == "scene.narrator_chosen":
        return _NARRATES if values["narrates"] else _NARRATES_NOT
    return _UNMARK if values["present"] is None else _MARK


_NARRATES = "INSERT INTO {schema}.narrators VALUES (%(channel_id)s, %(character_id)s) ON CONFLICT DO NOTHING"
_NARRATES_NOT = "DELETE FROM {schema}.narrators WHERE channel = %(channel_id)s AND character = %(character_id)s"
_MARK = """
INSERT INTO {schema}.presence VALUES (%(channel_id)s, %(character_id)s, %(at)s, %(present)s)
ON CONFLICT (channel, character, at) DO UPDATE SET present = excluded.present
"""
_UNMARK = "DELETE FROM {schema}.presence WHERE channel = %(channel_id)s AND character = %(character_id)s AND at = %(at)s"

_PRESENT = """
coalesce((SELECT p.present FROM scenes.presence p WHERE p.channel = {channel} AND p.character = {reader} AND p.at <= {message}
          ORDER BY p.at DESC LIMIT 1),
         (SELECT NOT p.present FROM scenes.presence p WHERE p.channel = {channel} AND p.character = {reader} ORDER BY p.at LIMIT 1), true)
"""


def visible(*, channel: str, reader: str, message: str) -> str:
    """SQL that says whether a character sees what belongs to a message: it was there, was addressed, or narrates.

    The arguments are SQL expressions: the channel, the character that looks, and the message's id. What was whispered to others is seen
    by a narrator alone. One's own replies are visible whatever this says: ask for those beside it.
    """
    there = _PRESENT.format(channel=channel, reader=reader, message=message)
    addressed = f"EXISTS (SELECT 1 FROM turns.turns s WHERE s.message_id = {message} AND s.character = {reader})"
    whispered = f"EXISTS (SELECT 1 FROM scenes.whispers w WHERE w.message_id = {message})"
    narrates = f"EXISTS (SELECT 1 FROM scenes.narrators n WHERE n.channel = {channel} AND n.character = {reader})"
    to_me = f"EXISTS (SELECT 1 FROM scenes.whispers w WHERE w.message_id = {message} AND w.character = {reader})"
    return f"({narrates} OR {to_me} OR (NOT {whispered} AND ({there} OR {addressed})))"


SEEN = f"""
((e.character = %(reader)s) IS TRUE
 OR {visible(channel="e.channel", reader="%(reader)s::uuid", message="coalesce(e.message_id, e.reply_to)")})
"""
"""Whether the character `reader` was there for something said, `e`, or was told it, or said it itself."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is marked in a channel: character -> there at that message or not; and who narrates."""

    present: dict[UUID, bool]
    narrators: frozenset[UUID]


async def cast(connection: AsyncConnection, channel: int, at: int, *, schema: str = "scenes") -> Cast:
    """Who was there when a message was said, among those with marks."""
    there = _PRESENT.format(channel="m.channel", reader="m.character", message="%(at)s").replace("scenes.", "{schema}.")
    statement = (
        f"SELECT m.character, {there} FROM (SELECT DISTINCT channel, character FROM {{schema}}.presence WHERE channel = %(channel)s) m"
    )
    cursor = await connection.execute(sql(statement, schema), {"channel": channel, "at": at})
    present = {row[0]: row[1] for row in await cursor.fetchall()}
    narrating = await connection.execute(sql("SELECT character FROM {schema}.narrators WHERE channel = %s", schema), (channel,))
    return Cast(present, frozenset(row[0] for row in await narrating.fetchall()))


async def absent(connection: AsyncConnection, channel: int, at: int, *, schema: str = "scenes") -> frozenset[UUID]:
    """The characters that were not there when a message was said."""
    found = await cast(connection, channel, at, schema=schema)
    return frozenset(character for character, there in found.present.items() if not there)


SCENES = Scenes()
