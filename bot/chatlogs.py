"""Conversations in and out as files, for every face; knows no face."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from bot import avatars, editing
from bot.editing import Item
from engine import ids
from engine.actor import Actor
from engine.cards.refusal import Unreadable
from engine.chatlogs import writing
from engine.chatlogs.events import Destination, appends, channel_of
from engine.chatlogs.log import ChatLog, ChatVariant, LoggedLine
from engine.chatlogs.reading import MOST_BYTES as MOST_BYTES
from engine.chatlogs.reading import read_chats
from engine.decide.channel import Activate, Where
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.resources.kinds import CHARACTER
from engine.store import Log
from projections.transcript import transcript

AT_ONCE = 64
"""Lines whose appends are under way together; they are stored in order."""
ChatFileForm = Literal["jsonl", "md", "html"]


@dataclass(frozen=True, slots=True)
class ImportedChat:
    """What became of one conversation. `lines` are those that were anybody's words; `silent` were notes of the program or empty."""

    channel: int
    form: str
    lines: int
    silent: int
    variants: int
    repeated: int
    bad: tuple[str, ...]


async def read(raw: bytes) -> list[ChatLog]:
    """The conversations in a file. Raises Rejected with one sentence."""
    try:
        return await asyncio.to_thread(read_chats, raw)
    except Unreadable as error:
        raise Rejected(str(error)) from None


async def take(
    log: Log, actor: Actor, chat: ChatLog, host: Item, told: Callable[[int, int], Awaitable[None]] | None = None
) -> ImportedChat:
    """Append a conversation with this character as events with their original times; twice adds nothing, and a cut one goes on.

    Speakers of the log that are called like other characters of the actor's are those. `told` hears of progress (done, total).
    """
    key = await log.vault.key(avatars.subject(actor.user_id))
    identity = key.digest(b"chat" + writing.as_jsonl(chat) + host.id.bytes)
    known = {item.name: item.id for item in await editing.items(log, CHARACTER, actor)}
    channel = channel_of(chat, identity)
    to = Destination(identity, actor.user_id, host.id, known | {chat.character: host.id}, channel)
    groups = [group for group in appends(chat, to) if group]
    repeated = 0
    for start in range(0, len(groups), AT_ONCE):
        done = await asyncio.gather(*(log.append(*group) for group in groups[start : start + AT_ONCE]))
        repeated += sum(one.repeated for one in done)
        if told is not None:
            await told(min(start + AT_ONCE, len(groups)), len(groups))
    if groups:
        await execute(log, actor, Activate(Where(channel, None, "playground"), host.id), ids.derived("imported-chat", channel))
    variants = sum(len(line.variants) for line in chat.lines)
    return ImportedChat(channel, chat.form, len(groups), len(chat.lines) - len(groups), variants, repeated, chat.bad)


async def give(log: Log, actor: Actor, channel: int) -> ChatLog:
    """A conversation of a channel, for `written`. Raises Rejected when there is nothing."""
    names = {item.id: item.name for item in await editing.items(log, CHARACTER, actor)}
    async with log.pool.connection() as connection:
        found = await transcript(connection, log.vault, channel)
    if not found:
        raise Rejected("Nothing was said there.")
    lines = []
    for one in found:
        name = one.entry.author_name if one.entry.kind == "message" else names.get(one.entry.character, "Character")  # type: ignore[arg-type]  # a reply has one
        variants = tuple(ChatVariant(text, at) for text, at in one.texts)
        lines.append(LoggedLine(name, one.entry.kind == "message", variants, one.chosen))
    user = next((line.name for line in lines if line.by_user), "You")
    return ChatLog("SillyTavern", tuple(lines), user, next((line.name for line in lines if not line.by_user), "Character"))


def written(chat: ChatLog, form: ChatFileForm) -> bytes:
    """The conversation as a file. Pure."""
    return {"jsonl": writing.as_jsonl, "md": writing.as_markdown, "html": writing.as_html}[form](chat)
