"""Who said what where: the messages and replies that prompts are made of, and which message belongs to which reply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from engine.events.message import Attachment, Forward, MessageQuoted
from engine.sealing import DataKey
from engine.store.codec import ERASED, open_fields
from engine.vault import Vault
from projections.base import sql
from projections.models.history_fold import HISTORY as HISTORY
from projections.models.history_fold import History as History


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing said, opened. `text` is what stands in the channel now; `edited` says it is not what stood there first."""

    position: int
    channel: int
    venue: str
    kind: Literal["message", "reply", "cue"]
    message_id: int | None
    turn: UUID | None
    character: UUID | None
    author_id: int
    author_kind: str
    author_name: str
    reply_to: int | None
    sent_at: datetime
    text: str
    edited: bool
    erased: bool
    attachments: tuple[Attachment, ...] = ()
    forwards: tuple[Forward, ...] = ()
    mentioned: Mapping[str, str] = MappingProxyType({})
    seen: Mapping[int, str] = MappingProxyType({})
    """Place among the files of the message and its forwards, to what a model saw in that picture."""
    heard: Mapping[int, str] = MappingProxyType({})
    """Place among the files, to what a model heard in it."""
    quotes: tuple[MessageQuoted, ...] = ()
    """What the message points to, as its author may read it."""


_CLEAR = ("position", "channel", "venue", "kind", "message_id", "turn", "character", "author_id", "author_kind", "reply_to", "sent_at")
_COLUMNS = ", ".join(
    (*_CLEAR, "subject", "event_id", "event_type", "schema_version", "sealed", "edit_id", "edit_schema_version", "edit_sealed")
)


async def recent(
    connection: AsyncConnection,
    vault: Vault,
    channel: int,
    *,
    until: int,
    limit: int = 50,
    since: datetime | None = None,
    character: UUID | None = None,
    schema: str = "history",
) -> list[Entry]:
    """The last `limit` entries of a channel up to position `until`, oldest first, not before the last context reset.

    Each reply stands right after the message it answers. What a prompt may use: projections.models.history_window.
    """
    statement = f"""
    SELECT {_COLUMNS} FROM {{schema}}.entries AS e
    WHERE channel = %(channel)s AND position <= %(until)s AND live AND NOT gone AND (%(since)s::timestamptz IS NULL OR sent_at >= %(since)s)
      AND asked > coalesce((SELECT max(position) FROM {{schema}}.resets WHERE channel = %(channel)s AND position <= %(until)s
                               AND (character IS NULL OR character = %(character)s)), 0)
    ORDER BY asked DESC, place DESC LIMIT %(limit)s
    """
    parameters = {"channel": channel, "until": until, "limit": limit, "since": since, "character": character}
    async with connection.cursor(row_factory=dict_row, binary=True) as cursor:
        await cursor.execute(sql(statement, schema), parameters)
        found = await cursor.fetchall()
    return await _open(vault, found[::-1])


async def by_message(connection: AsyncConnection, vault: Vault, message_id: int, *, schema: str = "history") -> Entry | None:
    """The entry a Discord (or playground) message id belongs to: a person's message, or the reply one of whose chunks it is."""
    statement = f"""
    SELECT {_COLUMNS} FROM {{schema}}.entries WHERE message_id = %(message)s
    UNION ALL
    SELECT {_COLUMNS} FROM {{schema}}.entries WHERE turn = (SELECT turn FROM {{schema}}.reply_messages WHERE message_id = %(message)s)
    """
    async with connection.cursor(row_factory=dict_row, binary=True) as cursor:
        await cursor.execute(sql(statement, schema), {"message": message_id})
        found = await cursor.fetchall()
    opened = await _open(vault, found[:1])
    return opened[0] if opened else None


async def versions_of(
    connection: AsyncConnection, vault: Vault, message_id: int, character: UUID, *, schema: str = "history"
) -> list[Entry]:
    """All versions and segments there ever were of a reply that has several, in the order they came; none for any other reply."""
    statement = f"""
    SELECT {_COLUMNS} FROM {{schema}}.entries WHERE turn IN (
        SELECT turn FROM {{schema}}.versions WHERE message_id = %s AND character = %s) ORDER BY position
    """
    async with connection.cursor(row_factory=dict_row, binary=True) as cursor:
        await cursor.execute(sql(statement, schema), (message_id, character))
        return await _open(vault, await cursor.fetchall())


async def versions_in(connection: AsyncConnection, vault: Vault, channel: int, *, schema: str = "history") -> list[Entry]:
    """All versions and segments of the replies in a channel that have several, in the order they came: see `versions_of`."""
    statement = f"""
    SELECT {_COLUMNS} FROM {{schema}}.entries WHERE channel = %s AND turn IN (SELECT turn FROM {{schema}}.versions) ORDER BY position
    """
    async with connection.cursor(row_factory=dict_row, binary=True) as cursor:
        await cursor.execute(sql(statement, schema), (channel,))
        return await _open(vault, await cursor.fetchall())


async def speaker_of(connection: AsyncConnection, message_id: int, *, schema: str = "history") -> UUID | None:
    """The character one of whose replies this message is, however old it is; None for anybody else's message."""
    cursor = await connection.execute(sql("SELECT character FROM {schema}.reply_messages WHERE message_id = %s", schema), (message_id,))
    row = await cursor.fetchone()
    return row[0] if row else None


async def owned(connection: AsyncConnection, messages: Sequence[int], *, schema: str = "history") -> set[int]:
    """Those of these messages that belong to a reply."""
    statement = sql("SELECT message_id FROM {schema}.reply_messages WHERE message_id = ANY(%s)", schema)
    return {row[0] for row in await (await connection.execute(statement, (list(messages),))).fetchall()}


async def answered_by(connection: AsyncConnection, messages: Sequence[int], *, schema: str = "history") -> dict[int, int]:
    """Of these messages those that belong to a reply -> the person it answers."""
    statement = """
    SELECT r.message_id, e.author_id FROM {schema}.reply_messages r JOIN {schema}.entries e ON e.turn = r.turn WHERE r.message_id = ANY(%s)
    """
    return dict(await (await connection.execute(sql(statement, schema), (list(messages),))).fetchall())


async def newest_message(connection: AsyncConnection, channel: int, *, schema: str = "history") -> int | None:
    """The message a person said last in a channel."""
    statement = "SELECT message_id FROM {schema}.entries WHERE channel = %s AND kind = 'message' ORDER BY place DESC LIMIT 1"
    row = await (await connection.execute(sql(statement, schema), (channel,))).fetchone()
    return int(row[0]) if row else None


async def newest_human(connection: AsyncConnection, channel: int, *, schema: str = "history") -> int | None:
    """The message that a person, no program, said last in a channel."""
    statement = """
    SELECT message_id FROM {schema}.entries
    WHERE channel = %s AND kind = 'message' AND author_kind = 'human' ORDER BY asked DESC, place DESC LIMIT 1
    """
    row = await (await connection.execute(sql(statement, schema), (channel,))).fetchone()
    return int(row[0]) if row else None


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """What is known of a channel's conversation. `hidden` is what a reset or a deletion keeps from characters."""

    messages: int
    replies: int
    people: int
    hidden: int
    first: datetime | None
    last: datetime | None


async def stats(connection: AsyncConnection, channel: int, *, schema: str = "history") -> ChannelStats:
    """Count what was said in a channel."""
    statement = """
    SELECT count(*) FILTER (WHERE kind = 'message'), count(*) FILTER (WHERE kind = 'reply' AND live),
           count(DISTINCT author_id) FILTER (WHERE kind = 'message' AND author_kind = 'human'),
           count(*) FILTER (WHERE gone OR asked <= coalesce(
               (SELECT max(position) FROM {schema}.resets WHERE channel = %(channel)s AND character IS NULL), 0)),
           min(sent_at), max(sent_at)
    FROM {schema}.entries WHERE channel = %(channel)s
    """
    row = await (await connection.execute(sql(statement, schema), {"channel": channel})).fetchone()
    assert row is not None
    return ChannelStats(*row)


async def authors_since(
    connection: AsyncConnection, channel: int, message: int, *, limit: int, schema: str = "history"
) -> list[tuple[int, int]]:
    """(message, author) of what people said in a channel from a message on, oldest first; what was deleted does not count."""
    statement = """
    SELECT message_id, author_id FROM {schema}.entries
    WHERE channel = %s AND asked >= (SELECT asked FROM {schema}.entries WHERE message_id = %s) AND kind = 'message'
      AND author_kind = 'human' AND NOT gone AND message_id >= %s
    ORDER BY message_id LIMIT %s
    """
    cursor = await connection.execute(sql(statement, schema), (channel, message, message, limit))
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def messages_of(connection: AsyncConnection, turn: UUID, *, schema: str = "history") -> list[int]:
    """The ids of the messages a reply stands in, in order."""
    cursor = await connection.execute(
        sql("SELECT message_id FROM {schema}.reply_messages WHERE turn = %s ORDER BY message_id", schema), (turn,)
    )
    return [row[0] for row in await cursor.fetchall()]


async def message_ids(connection: AsyncConnection, channel: int, *, venue: str, limit: int, schema: str = "history") -> list[int]:
    """The ids under which the last `limit` entries of a channel stand there, ascending; those that are gone do not count."""
    statement = """
    WITH latest AS (SELECT message_id, turn FROM {schema}.entries WHERE channel = %s AND venue = %s AND NOT gone
                    ORDER BY position DESC LIMIT %s)
    SELECT message_id FROM latest WHERE message_id IS NOT NULL
    UNION SELECT r.message_id FROM latest JOIN {schema}.reply_messages AS r ON r.turn = latest.turn ORDER BY 1
    """
    cursor = await connection.execute(sql(statement, schema), (channel, venue, limit))
    return [row[0] for row in await cursor.fetchall()]


async def is_gone(connection: AsyncConnection, message_id: int, *, schema: str = "history") -> bool:
    """Whether a person's message was deleted."""
    cursor = await connection.execute(sql("SELECT gone FROM {schema}.entries WHERE message_id = %s", schema), (message_id,))
    row = await cursor.fetchone()
    return bool(row and row[0])


async def _open(vault: Vault, rows: Sequence[dict[str, Any]]) -> list[Entry]:
    keys = await vault.keys({row["subject"] for row in rows})
    return [_to_entry(row, keys.get(row["subject"])) for row in rows]


def _to_entry(row: dict[str, Any], key: DataKey | None) -> Entry:
    fields: dict[str, Any] = {"text": ERASED, "author_name": ERASED}
    if key is not None:
        fields = {"author_name": ""} | open_fields(row["sealed"], key, row["event_id"], row["event_type"], row["schema_version"])
        if row["edit_sealed"] is not None:
            edit = open_fields(row["edit_sealed"], key, row["edit_id"], "message.edited", row["edit_schema_version"])
            fields |= edit | {"author_name": edit.get("author_name") or fields["author_name"]}
    return Entry(
        **{name: row[name] for name in _CLEAR},
        author_name=fields["author_name"],
        text=fields["text"],
        edited=row["edit_id"] is not None,
        erased=key is None,
        attachments=tuple(Attachment.model_validate(item) for item in fields.get("attachments", ())),
        forwards=tuple(Forward.model_validate(item) for item in fields.get("forwards", ())),
        mentioned=fields.get("mentioned", {}),
    )
