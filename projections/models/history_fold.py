"""The tables of what was said where, and how each event changes them. What reads them: projections.models.history."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, Rollback

from engine import ids
from engine.store import Query, Stored, reader
from projections.base import Projection, clear, decoded, execute, sql
from projections.models.places.imports import DELETED, IMPORT_TYPES, IMPORTED, IMPORTS_DDL, PURGED, READMITTED, TAKEN_BACK, WITHDRAWN

_INSERT = """
INSERT INTO {schema}.entries (position, place, asked, channel, guild, venue, kind, message_id, turn, character, author_id, author_kind,
                              reply_to, sent_at, subject, event_id, event_type, schema_version, sealed)
VALUES (%(position)s, %(position)s,
        coalesce((SELECT q.position FROM {schema}.entries q WHERE %(kind)s::text = 'reply' AND q.message_id = %(reply_to)s), %(position)s),
        %(channel)s, %(guild)s, %(venue)s, %(kind)s, %(message_id)s, %(turn)s, %(character)s, %(author_id)s,
        %(author_kind)s, %(reply_to)s, %(sent_at)s, %(subject)s, %(event_id)s, %(event_type)s, %(schema_version)s, %(sealed)s)
"""


class History(Projection):
    name = "history"
    version = 9
    types = IMPORT_TYPES | frozenset(
        {
            "message.received",
            "message.edited",
            "message.deleted",
            "turn.completed",
            "reply.chunk_delivered",
            "reply.failed",
            "reply.stream_shown",
            "reply.file_shown",
            "reply.regenerated",
            "reply.continued",
            "reply.edited",
            "reply.version_chosen",
            "reply.deleted",
            "channel.context_reset",
            "message.cued",
            "channel.context_restored",
            "channel.purged",
        }
    )
    ddl = (
        """
    CREATE TABLE {schema}.entries (
        position bigint PRIMARY KEY,
        place bigint NOT NULL,
        asked bigint NOT NULL,
        channel bigint NOT NULL,
        guild bigint,
        venue text NOT NULL,
        kind text NOT NULL,
        message_id bigint,
        turn uuid,
        character uuid,
        author_id bigint NOT NULL,
        author_kind text NOT NULL,
        reply_to bigint,
        sent_at timestamptz NOT NULL,
        subject text NOT NULL,
        event_id uuid NOT NULL,
        event_type text NOT NULL,
        schema_version integer NOT NULL,
        sealed bytea NOT NULL,
        edit_id uuid,
        edit_schema_version integer,
        edit_sealed bytea,
        edit_position bigint,
        gone boolean NOT NULL DEFAULT false,
        live boolean NOT NULL DEFAULT true
    );
    CREATE UNIQUE INDEX ON {schema}.entries (message_id) WHERE message_id IS NOT NULL;
    CREATE UNIQUE INDEX ON {schema}.entries (turn) WHERE turn IS NOT NULL;
    CREATE TABLE {schema}.reply_messages (
        message_id bigint PRIMARY KEY,
        turn uuid NOT NULL,
        character uuid NOT NULL,
        channel bigint NOT NULL
    );
    CREATE INDEX ON {schema}.reply_messages (turn);
    CREATE TABLE {schema}.versions (
        turn uuid PRIMARY KEY,
        message_id bigint NOT NULL,
        character uuid NOT NULL,
        pending boolean NOT NULL,
        closed boolean NOT NULL DEFAULT false,
        continues uuid,
        asked bigint
    );
    CREATE INDEX ON {schema}.versions (message_id, character);
    CREATE TABLE {schema}.resets (
        position bigint PRIMARY KEY,
        channel bigint NOT NULL,
        character uuid
    );
    CREATE TABLE {schema}.cues (
        message_id bigint PRIMARY KEY,
        channel bigint NOT NULL,
        position bigint NOT NULL
    );
    """
        + IMPORTS_DDL
    )
    late = """
    CREATE INDEX ON {schema}.entries (channel, asked, place);
    CREATE INDEX ON {schema}.resets (channel, position);
    CREATE INDEX ON {schema}.entries (author_id, character) INCLUDE (sent_at, live, gone) WHERE kind = 'reply';
    """

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """What is said by one statement each; then the rare events that touch what stands before them.

        Only the deletion of a reply's message depends on which chunks are there at that moment: then the range is cut at it.
        Ranges in which replies get other versions, or an import is taken back, are gone through one by one.
        """
        if await _has_versions(connection, schema, after, until):
            return await self.fold(connection, schema, after, until, frozenset())
        rare = [row async for row in reader.rows(connection, Query(after=after, until=until, types=_RARE))]
        deleted = {_parameters(row)["message"]: row for row in rare if row.type == "message.deleted"}
        cuts: list[Stored] = []
        async with connection.transaction():
            await _load_between(connection, schema, after, until)
            cursor = await connection.execute(sql(_CHUNKS_AMONG, schema), (list(deleted),))
            if gone := {message for (message,) in await cursor.fetchall()}:
                cuts = [row for row in rare if row.type == "message.deleted" and _parameters(row)["message"] in gone]
                raise Rollback
            await _touch(connection, schema, rare)
        if len(cuts) > MANY:
            return await self.fold(connection, schema, after, until, frozenset())
        for row in cuts:
            await self.load(connection, schema, after, row.position - 1)
            await self.apply(connection, schema, [row])
            after = row.position
        return await self.load(connection, schema, after, until) if cuts else None

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        pending: list[dict[str, object]] = []
        versions = await _awaited(connection, schema, rows)
        async with connection.cursor() as cursor:
            for row in rows:
                if row.type in _SET_WISE and row.turn not in versions:
                    pending.append(_entry(row))
                    continue
                if pending:
                    await cursor.executemany(sql(_INSERT, schema), pending)
                    pending = []
                if row.type in _ENTRIES:
                    await cursor.execute(sql(_INSERT, schema), _entry(row))
                for statement in _STATEMENTS[row.type]:
                    await cursor.execute(sql(statement, schema), _parameters(row))
            if pending:
                await cursor.executemany(sql(_INSERT, schema), pending)


_ENTRIES = frozenset({"message.received", "turn.completed", "reply.edited"})
_SET_WISE = frozenset({"message.received", "turn.completed"})
_VERSIONS = ("reply.regenerated", "reply.continued", "reply.edited", "reply.version_chosen", "reply.deleted")
_RARE = frozenset(
    {
        *("message.edited", "message.deleted", "message.cued", "reply.failed"),
        *("channel.context_reset", "channel.context_restored", "channel.purged"),
    }
)
MANY = 100
"""With more cuts than this in a step, going one by one costs less."""

_SAID = """
channel_id bigint, guild_id bigint, venue text, message_id bigint, user_id bigint, author_id bigint, author_kind text, reply_to bigint
"""
_COLUMNS_LOADED = """
INSERT INTO {schema}.entries (position, place, asked, channel, guild, venue, kind, message_id, turn, character, author_id, author_kind,
                              reply_to, sent_at, subject, event_id, event_type, schema_version, sealed)
"""
_LOAD_MESSAGES = f"""{_COLUMNS_LOADED}
SELECT e.position, e.position, e.position, d.channel_id, d.guild_id, d.venue, 'message', d.message_id, NULL, NULL, d.author_id,
       coalesce(d.author_kind, 'human'), d.reply_to,
       to_timestamp(0) + ((d.message_id >> 22) + {ids.DISCORD_EPOCH_MS}) * interval '1 millisecond',
       e.subject, e.event_id, e.type, e.schema_version, e.sealed
{decoded(_SAID, ["message.received"])}
ORDER BY e.position
"""
# After the messages, so that each finds the one it answers.
_LOAD_REPLIES = f"""{_COLUMNS_LOADED}
SELECT e.position, e.position, coalesce(q.position, e.position), d.channel_id, d.guild_id, d.venue, 'reply', NULL, e.turn, e.character,
       d.user_id, 'character', d.message_id, e.occurred_at, e.subject, e.event_id, e.type, e.schema_version, e.sealed
{decoded(_SAID, ["turn.completed"], "LEFT JOIN {schema}.entries q ON q.message_id = d.message_id")}
ORDER BY e.position
"""
_SHOWN_TYPES = ("reply.chunk_delivered", "reply.stream_shown", "reply.file_shown")
_CHUNKS = decoded("message_id bigint, channel_id bigint", _SHOWN_TYPES)
_LOAD_CHUNKS = f"""
INSERT INTO {{schema}}.reply_messages (message_id, turn, character, channel)
SELECT d.message_id, e.turn, e.character, d.channel_id {_CHUNKS}
ORDER BY e.position ON CONFLICT (message_id) DO NOTHING
"""
# A message that shows another version from now on belongs to that one.
_OF_VERSIONS = decoded("message_id bigint, channel_id bigint", _SHOWN_TYPES, "JOIN {schema}.versions v ON v.turn = e.turn")
_LOAD_MOVED = f"""
UPDATE {{schema}}.reply_messages r SET turn = l.turn, character = l.character, channel = l.channel FROM (
    SELECT DISTINCT ON (d.message_id) d.message_id, e.turn, e.character, d.channel_id AS channel {_OF_VERSIONS}
    ORDER BY d.message_id, e.position DESC) AS l
WHERE r.message_id = l.message_id
"""
_HAS_VERSIONS = """
SELECT EXISTS (SELECT 1 FROM events WHERE position > %(after)s AND position <= %(until)s AND type = ANY(%(types)s)) OR EXISTS (
    SELECT 1 FROM {schema}.versions v JOIN events e ON e.turn = v.turn
    WHERE v.pending AND e.type = 'turn.completed' AND e.position > %(after)s AND e.position <= %(until)s)
"""
# A version that is shown anew is there again, though its earlier messages were taken away: Discord tells of that whenever it likes.
_BACK = f"e.live AND e.gone AND EXISTS (SELECT 1 FROM {{schema}}.versions v WHERE v.turn = e.turn) AND NOT {TAKEN_BACK}"
_LOAD_BACK = f"""
UPDATE {{schema}}.entries e SET gone = false FROM (SELECT DISTINCT e.turn {_CHUNKS}) AS shown WHERE e.turn = shown.turn AND {_BACK}
"""
_CHUNKS_AMONG = "SELECT message_id FROM {schema}.reply_messages WHERE message_id = ANY(%s)"


async def _load_between(connection: AsyncConnection, schema: str, after: int, until: int) -> None:
    await execute(connection, schema, _LOAD_MESSAGES, after, until)
    await execute(connection, schema, _LOAD_REPLIES, after, until)
    await execute(connection, schema, _LOAD_CHUNKS, after, until)
    await execute(connection, schema, _LOAD_MOVED, after, until)
    await execute(connection, schema, _LOAD_BACK, after, until)


async def _has_versions(connection: AsyncConnection, schema: str, after: int, until: int) -> bool:
    parameters = {"after": after, "until": until, "types": [*_VERSIONS, *IMPORT_TYPES]}
    row = await (await connection.execute(sql(_HAS_VERSIONS, schema), parameters)).fetchone()
    return bool(row and row[0])


async def _awaited(connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> set[UUID]:
    """The replies among these rows that are a version of one that is there already."""
    found = {UUID(str(clear(row)[_NAMED[row.type]])) for row in rows if row.type in _NAMED}
    completed = [row.turn for row in rows if row.type == "turn.completed" and row.turn is not None]
    if completed:
        statement = sql("SELECT turn FROM {schema}.versions WHERE pending AND turn = ANY(%s)", schema)
        found |= {turn for (turn,) in await (await connection.execute(statement, (completed,))).fetchall()}
    return found


_NAMED = {"reply.regenerated": "turn_id", "reply.continued": "turn_id", "reply.edited": "version"}


async def _touch(connection: AsyncConnection, schema: str, rare: Sequence[Stored]) -> None:
    """The rare events after everything else: each looks at earlier positions only, so that it finds what it would have found."""
    by_statement: dict[str, list[dict[str, object]]] = {}
    for row in rare:
        by_statement.setdefault(_STATEMENTS[row.type][0], []).append(_parameters(row))
    async with connection.cursor() as cursor:
        for statement, many in by_statement.items():
            await cursor.executemany(sql(statement, schema), many)


def _entry(row: Stored) -> dict[str, object]:
    data = clear(row)
    reply = row.type != "message.received"
    message_id = int(str(data["message_id"]))
    return {
        "position": row.position,
        "channel": data["channel_id"],
        "guild": data.get("guild_id"),
        "venue": data["venue"],
        "kind": "reply" if reply else "message",
        "message_id": None if reply else message_id,
        "turn": data["version"] if row.type == "reply.edited" else row.turn if reply else None,
        "character": row.character if reply else None,
        "author_id": data["user_id"] if reply else data["author_id"],
        "author_kind": "character" if reply else data.get("author_kind", "human"),
        "reply_to": message_id if reply else data.get("reply_to"),
        "sent_at": row.occurred_at if reply else ids.snowflake_time(message_id),
        "subject": row.subject,
        "event_id": row.id,
        "event_type": row.type,
        "schema_version": row.schema_version,
        "sealed": row.sealed,
    }


_EDITED = """
UPDATE {schema}.entries SET edit_id = %(id)s, edit_schema_version = %(schema_version)s, edit_sealed = %(sealed)s,
    edit_position = %(position)s
WHERE message_id = %(message)s AND subject = %(subject)s AND position < %(position)s
"""
_CHUNK_DELETED = """
WITH chunk AS (DELETE FROM {schema}.reply_messages WHERE message_id = %(message)s RETURNING turn, message_id)
UPDATE {schema}.entries e SET gone = true FROM chunk
WHERE e.turn = chunk.turn
  AND NOT EXISTS (SELECT 1 FROM {schema}.reply_messages r WHERE r.turn = chunk.turn AND r.message_id <> chunk.message_id)
"""
_CHUNK = """
INSERT INTO {schema}.reply_messages (message_id, turn, character, channel)
VALUES (%(message)s, %(turn)s, %(character)s, %(channel)s)
ON CONFLICT (message_id) DO UPDATE SET turn = excluded.turn, character = excluded.character, channel = excluded.channel
WHERE EXISTS (SELECT 1 FROM {schema}.versions v WHERE v.turn = excluded.turn)
"""
_SHOWN_ANEW = f"UPDATE {{schema}}.entries e SET gone = false WHERE e.turn = %(turn)s AND {_BACK}"
_NEVER_SHOWN = "UPDATE {schema}.entries SET gone = true WHERE turn = %(turn)s AND %(delivered)s = 0 AND position < %(position)s"
_RESET = "INSERT INTO {schema}.resets (position, channel, character) VALUES (%(position)s, %(channel)s, %(character)s)"
_RESTORED = """
DELETE FROM {schema}.resets WHERE position = (SELECT max(position) FROM {schema}.resets
    WHERE channel = %(channel)s AND character IS NOT DISTINCT FROM %(character)s AND position < %(position)s)
"""
_CUED = "INSERT INTO {schema}.cues (message_id, channel, position) VALUES (%(message)s, %(channel)s, %(position)s) ON CONFLICT DO NOTHING"
_VERSION_OF = """
INSERT INTO {schema}.versions (turn, message_id, character, pending)
SELECT turn, %(message)s, %(of_character)s, false FROM unnest(%(known)s::uuid[]) AS turn ON CONFLICT (turn) DO NOTHING
"""
_AWAITED = """
INSERT INTO {schema}.versions (turn, message_id, character, pending, continues, asked)
VALUES (%(turn_id)s, %(message)s, %(of_character)s, true, %(continues)s, %(position)s) ON CONFLICT (turn) DO NOTHING
"""
_PLACE = """
(SELECT min(o.place) FROM {schema}.entries o JOIN {schema}.versions w ON w.turn = o.turn
 WHERE w.message_id = v.message_id AND w.character = v.character)
"""
# Where a reply stands among what was said is where its first version did; a segment stands where it came, as long as its version does.
_COMPLETED = f"""
WITH mine AS (UPDATE {{schema}}.versions SET pending = false WHERE turn = %(turn)s AND pending
              RETURNING message_id, character, closed, continues)
UPDATE {{schema}}.entries e SET
    live = CASE WHEN m.continues IS NOT NULL AND e.turn <> %(turn)s THEN e.live
                WHEN m.continues IS NOT NULL
                    THEN coalesce((SELECT o.live AND NOT m.closed FROM {{schema}}.entries o WHERE o.turn = m.continues), false)
                WHEN m.closed THEN e.live AND e.turn <> %(turn)s ELSE e.turn = %(turn)s END,
    place = CASE WHEN m.continues IS NOT NULL OR v.continues IS NOT NULL THEN e.place ELSE {_PLACE} END
FROM {{schema}}.versions v, mine m
WHERE e.turn = v.turn AND v.message_id = m.message_id AND v.character = m.character
"""
_SHOWN = f"""
UPDATE {{schema}}.entries e SET live = coalesce(e.turn = %(live)s OR v.continues = %(live)s, false),
    place = CASE WHEN v.continues IS NULL THEN {_PLACE} ELSE e.place END,
    gone = CASE WHEN e.turn = %(live)s THEN false WHEN e.turn = %(version)s THEN true ELSE e.gone END
FROM {{schema}}.versions v WHERE e.turn = v.turn AND v.message_id = %(message)s AND v.character = %(of_character)s
"""
_CLOSED = """
UPDATE {schema}.versions SET closed = %(live)s::uuid IS NULL WHERE message_id = %(message)s AND character = %(of_character)s
"""
_STATEMENTS = {
    "reply.regenerated": (_VERSION_OF, _AWAITED),
    "reply.continued": (_VERSION_OF, _AWAITED),
    "turn.completed": (_COMPLETED,),
    "reply.edited": (_VERSION_OF, _SHOWN),
    "reply.version_chosen": (_VERSION_OF, _SHOWN, _CLOSED),
    "reply.deleted": (_VERSION_OF, _SHOWN, _CLOSED),
    "reply.stream_shown": (_CHUNK, _SHOWN_ANEW),
    "reply.file_shown": (_CHUNK, _SHOWN_ANEW),
    "message.edited": (_EDITED,),
    "message.deleted": (DELETED, _CHUNK_DELETED),
    "reply.chunk_delivered": (_CHUNK, _SHOWN_ANEW),
    "reply.failed": (_NEVER_SHOWN,),
    "channel.context_reset": (_RESET,),
    "message.cued": (_CUED,),
    "channel.context_restored": (_RESTORED,),
    "channel.purged": (PURGED,),
    "chat.imported": (IMPORTED,),
    "chat.withdrawn": (WITHDRAWN,),
    "chat.readmitted": (READMITTED,),
}


def _parameters(row: Stored) -> dict[str, object]:
    data = clear(row)
    return {
        "position": row.position,
        "id": row.id,
        "schema_version": row.schema_version,
        "sealed": row.sealed,
        "subject": row.subject,
        "turn": row.turn,
        "character": row.character,
        "channel": data["channel_id"],
        "message": data.get("message_id"),
        "delivered": data.get("delivered", 0),
        "person": data.get("by_user_id"),
    } | (_of_version(row.type, data) if row.type in _VERSIONS else {})


def _of_version(type_: str, data: dict[str, Any]) -> dict[str, object]:
    """`known` are the versions an event names, `live` the one it shows, `version` the one it takes away."""
    version, deleted = data.get("version"), type_ == "reply.deleted"
    return {
        "turn_id": data.get("turn_id"),
        "continues": data.get("of") if type_ == "reply.continued" else None,
        "of_character": data["character_id"],
        "known": [known for known in (data.get("of"), data.get("shown"), version) if known is not None],
        "live": data.get("live") if deleted else version,
        "version": version if deleted else None,
    }


HISTORY = History()
