"""Conversations in and out as files, for every face; knows no face."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from bot import editing, imports
from bot.editing import Item
from engine.actor import Actor
from engine.cards.refusal import Unreadable
from engine.chatlogs import writing
from engine.chatlogs.log import ChatLog, ChatVariant, LoggedLine
from engine.chatlogs.reading import MOST_BYTES as MOST_BYTES
from engine.chatlogs.reading import line_of, read_chats
from engine.chatlogs.writing import KEPT
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER
from engine.store import Log
from projections.archive import chats, uploads
from projections.archive.chats import ImportedChat
from projections.transcript import KeptChat, SpokenEntry, kept_of, transcript

ChatFileForm = Literal["jsonl", "md", "html"]


async def read(raw: bytes) -> list[ChatLog]:
    """The conversations in a file. Raises Rejected with one sentence."""
    try:
        return await asyncio.to_thread(read_chats, raw)
    except Unreadable as error:
        raise Rejected(str(error)) from None


async def take(log: Log, actor: Actor, chat: ChatLog, host: Item, told: chats.Told | None = None) -> ImportedChat:
    """Append a conversation with this character: projections.archive.chats."""
    return await chats.take(log, actor, chat, host.id, told=told)


async def ask(log: Log, actor: Actor, raw: bytes, host: Item) -> tuple[UUID, str]:
    """Look at a file and have it imported by a job: its id, and what the file holds in a sentence. Raises Rejected."""
    words = summary(await read(raw))
    job = await uploads.ask(log, actor, chats.IMPORT, raw, host.id)
    await imports.bring_back(log, actor, job)
    return job, words


def summary(found: list[ChatLog]) -> str:
    """What a file holds, in a sentence."""
    lines, bad = sum(len(chat.lines) for chat in found), sum(len(chat.bad) for chat in found)
    many = f"{len(found)} conversations" if len(found) > 1 else "One conversation"
    return f"{many} of {found[0].form}'s with {lines:,} lines" + (f"; {bad:,} more cannot be read." if bad else ".")


async def give(log: Log, actor: Actor, channel: int) -> ChatLog:
    """A conversation of a channel, for `written`. Raises Rejected when there is nothing."""
    names = {item.id: item.name for item in await editing.items(log, CHARACTER, actor)}
    async with log.pool.connection() as connection:
        found = await transcript(connection, log.vault, channel)
    if not found:
        raise Rejected("Nothing was said there.")
    kept = await kept_of(log, channel, found) or KeptChat()
    lines, notes = list[LoggedLine](), deque(sorted(kept.notes, key=lambda note: note[0]))
    for one in found:
        while notes and notes[0][0] < one.entry.position:
            lines.append(line_of(notes.popleft()[1]))
        lines.append(_line(one, kept, names))
    lines += [line_of(note) for _, note in notes]
    user = next((line.name for line in lines if line.by_user), "You")
    character = next((line.name for line in lines if not line.by_user and not line.system), "Character")
    said = {name: tree if isinstance(tree := kept.head.get(name), dict) else {} for name in ("head", "kept")}
    return ChatLog("SillyTavern", tuple(lines), user, character, (), said["head"], said["kept"])


def _line(one: SpokenEntry, kept: KeptChat, names: Mapping[UUID, str]) -> LoggedLine:
    """What was said here, or elsewhere: then with the name it had there, and all else that was told of it."""
    entry, variants = one.entry, tuple(ChatVariant(text, at) for text, at in one.texts)
    if entry.kind == "message":
        more = kept.messages.get(entry.message_id or 0, {})
        return LoggedLine(entry.author_name, True, variants, one.chosen, False, more.get("rest", {}), more.get("kept", {}))
    told = kept.turns.get(one.turn) if one.turn is not None else None
    if told is None:
        return LoggedLine(names.get(entry.character, "Character") if entry.character else "Character", False, variants, one.chosen)
    rest = {name: value for name, value in told.items() if name not in ("name", KEPT)}
    return LoggedLine(str(told.get("name", "")), False, variants, one.chosen, False, rest, told.get(KEPT, {}))


def written(chat: ChatLog, form: ChatFileForm) -> bytes:
    """The conversation as a file. Pure."""
    return {"jsonl": writing.as_jsonl, "md": writing.as_markdown, "html": writing.as_html}[form](chat)
